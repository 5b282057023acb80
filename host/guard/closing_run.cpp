#include "host/guard/closing_run.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "host/base/log.h"
#include "host/guard/row_json.h"

namespace modhost::host {

ClosingRun::ClosingRun(std::shared_ptr<GuardCore> core, Closing closing,
                       std::shared_ptr<DeliveryLedger> ledger, std::function<void(bool)> done)
    : core_(std::move(core)),
      closing_(std::move(closing)),
      ledger_(std::move(ledger)),
      done_(std::move(done)) {}

void ClosingRun::start() {
  core_->enter();
  const std::vector<Step> steps = ledger_->openSteps();
  {
    MutexLock lock(mutex_);
    parts_ = static_cast<int>(steps.size()) + 1;
  }
  for (const Step& step : steps) {
    if (step.log_id.empty()) {
      countOrphan(step);
    } else {
      closeStep(step);
    }
  }
  partEnded();
}

void ClosingRun::closeStep(const Step& step) {
  if (closing_.ended_well) {
    logWarn("guard", "a module ended well but left a step open; it is set COMPLETED",
            aboutDelivery(closing_.delivery), {{"order", step.key.order}});
  }
  const auto state = closing_.ended_well ? StepState::kCompleted : StepState::kFailed;
  core_->sendOwn(
      *closing_.delivery.event, closing_.delivery.key, "PATCH",
      "/message-log/" + pathSegment(step.log_id), closingBody(state),
      [self = shared_from_this(), state, log_id = step.log_id](auto outcome) {
        if (!isSuccess(outcome)) {
          self->failed("closing a step", outcome);
          return self->partEnded();
        }
        GuardMetrics& metrics = self->core_->metrics;
        (state == StepState::kFailed ? metrics.failed_steps : metrics.completed_steps).add();
        self->ledger_->becameState(log_id, state, [self](Result<void> recorded) {
          self->core_->noteRecord(recorded);
          self->partEnded();
        });
      });
}

// Its create was intended and its reply never seen: if there is a row, no call can name it.
void ClosingRun::countOrphan(const Step& step) {
  core_->countAmbiguous(1);
  logWarn("guard", "a step's create was never confirmed; a row may stay open in the chat",
          aboutDelivery(closing_.delivery), {{"order", step.key.order}});
  ledger_->orphaned(step.key, [self = shared_from_this()](Result<void> recorded) {
    self->core_->noteRecord(recorded);
    self->partEnded();
  });
}

void ClosingRun::partEnded() {
  {
    MutexLock lock(mutex_);
    if (--parts_ > 0) return;
  }
  apologise();
}

void ClosingRun::apologise() {
  const bool due = closing_.apologise && !closing_.delivery.event->assistant_message_id.empty();
  const AnswerState answer = ledger_->answer().state();
  const bool stands = answer == AnswerState::kWritten || answer == AnswerState::kApologised;
  if (!due || stands) return end();
  lookBeforeWriting();
}

// An answer was on its way when last heard of, or nobody here knows of one.
bool ClosingRun::mayBeAnswered() const {
  return closing_.look_first || ledger_->answer().state() == AnswerState::kIntended;
}

// Once when only the user's stop can be found; with all tries when an answer can.
void ClosingRun::lookBeforeWriting() {
  const Event& event = *closing_.delivery.event;
  const auto found = [self = shared_from_this()](PlatformOutcome outcome) {
    self->messageFound(outcome);
  };
  const DeliveryKey& key = closing_.delivery.key;
  if (mayBeAnswered()) return core_->sendOwn(event, key, "GET", messageLookPath(event), "", found);
  const SteadyTime until = core_->clock.steadyNow() + core_->settings.call_timeout;
  core_->lookAtMessage(event, originOf(event, key), CallOwner{key, 0}, until, found);
}

// Never over an answer that stands: where one may, nothing is written without a readable message.
// Where none can, an apology too many is better than a chat that hangs.
void ClosingRun::messageFound(const PlatformOutcome& outcome) {
  const auto message = messageIn(outcome);
  if (message && isAborted(*message)) return end();
  const std::string text = message ? textMember(*message, "text") : "";
  // A host that died between the apology's reply and its record has written it already.
  if (!text.empty() && text == core_->settings.apology) return apologyStands();
  if (!mayBeAnswered()) return writeApology();
  if (!message) {
    failed("reading a message whose write is in doubt", outcome);
    return end();
  }
  if (text.empty()) return writeApology();
  ledger_->answer().written(ledger_->key(), recordedThenEnd());
}

void ClosingRun::writeApology() {
  const Event& event = *closing_.delivery.event;
  const nlohmann::json body = {{"chatId", event.chat_id}, {"text", core_->settings.apology}};
  // The operator's text may be no UTF-8; an odd letter is better than no apology.
  const std::string text = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const auto written = [self = shared_from_this()](const PlatformOutcome& outcome) {
    if (isSuccess(outcome)) {
      self->core_->metrics.apologies.add();
      return self->apologyStands();
    }
    self->failed("writing the apology", outcome);
    self->end();
  };
  core_->sendOwn(event, closing_.delivery.key, "PATCH", messagePath(event), text, written);
}

void ClosingRun::apologyStands() {
  ledger_->answer().apologised(ledger_->key(), recordedThenEnd());
}

Inbox::Done ClosingRun::recordedThenEnd() {
  return [self = shared_from_this()](Result<void> recorded) {
    self->core_->noteRecord(recorded);
    self->end();
  };
}

void ClosingRun::failed(const char* what, const PlatformOutcome& outcome) {
  core_->metrics.failed_closings.add();
  const std::string why = outcome.reply.ok()
                              ? "status " + std::to_string(outcome.reply.value().status)
                              : outcome.reply.error().message;
  logError("guard", "a closing call failed", aboutDelivery(closing_.delivery),
           {{"what", what}, {"why", why}});
  MutexLock lock(mutex_);
  all_accepted_ = false;
}

void ClosingRun::end() {
  bool all_accepted = false;
  {
    MutexLock lock(mutex_);
    all_accepted = all_accepted_;
  }
  done_(all_accepted);
  core_->leave();
}

}  // namespace modhost::host
