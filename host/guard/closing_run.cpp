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
            {{"event", closing_.delivery.event->id},
             {"module", closing_.delivery.key.target},
             {"order", step.key.order}});
  }
  const auto state = closing_.ended_well ? StepState::kCompleted : StepState::kFailed;
  const char* body = closing_.ended_well ? R"({"status":"COMPLETED"})" : R"({"status":"FAILED"})";
  core_->sendOwn(
      *closing_.delivery.event, "PATCH", "/message-log/" + pathSegment(step.log_id), body,
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
          {{"event", closing_.delivery.event->id}, {"order", step.key.order}});
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
  if (!closing_.apologise || closing_.delivery.event->assistant_message_id.empty()) return end();
  switch (ledger_->answer().state()) {
    case AnswerState::kNone:
      return closing_.look_first ? askWhetherAnswered() : writeApology();
    case AnswerState::kIntended:
      return askWhetherAnswered();
    case AnswerState::kWritten:
    case AnswerState::kApologised:
      return end();
  }
}

std::string ClosingRun::messagePath() const {
  return "/messages/" + pathSegment(closing_.delivery.event->assistant_message_id);
}

void ClosingRun::askWhetherAnswered() {
  const Event& event = *closing_.delivery.event;
  core_->sendOwn(
      event, "GET", messagePath() + "?chatId=" + pathSegment(event.chat_id), "",
      [self = shared_from_this()](PlatformOutcome outcome) { self->answerFound(outcome); });
}

// Never over an answer that stands: without a readable message nothing is written.
void ClosingRun::answerFound(const PlatformOutcome& outcome) {
  const auto message = isSuccess(outcome) ? parseObject(outcome.reply.value().body) : std::nullopt;
  if (!message || !message->contains("id")) {
    failed("reading a message whose write is in doubt", outcome);
    return end();
  }
  if (textMember(*message, "text").empty()) return writeApology();
  ledger_->answer().written(ledger_->key(), [self = shared_from_this()](Result<void> recorded) {
    self->core_->noteRecord(recorded);
    self->end();
  });
}

void ClosingRun::writeApology() {
  const Event& event = *closing_.delivery.event;
  const nlohmann::json body = {{"chatId", event.chat_id}, {"text", core_->settings.apology}};
  // The operator's text may be no UTF-8; an odd letter is better than no apology.
  const std::string text = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  core_->sendOwn(
      event, "PATCH", messagePath(), text, [self = shared_from_this()](PlatformOutcome outcome) {
        if (!isSuccess(outcome)) {
          self->failed("writing the apology", outcome);
          return self->end();
        }
        self->core_->metrics.apologies.add();
        self->ledger_->answer().apologised(self->ledger_->key(), [self](Result<void> recorded) {
          self->core_->noteRecord(recorded);
          self->end();
        });
      });
}

void ClosingRun::failed(const char* what, const PlatformOutcome& outcome) {
  core_->metrics.failed_closings.add();
  const std::string why = outcome.reply.ok()
                              ? "status " + std::to_string(outcome.reply.value().status)
                              : outcome.reply.error().message;
  logError("guard", "a closing call failed",
           {{"event", closing_.delivery.event->id}, {"what", what}, {"why", why}});
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
