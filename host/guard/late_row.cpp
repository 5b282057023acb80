#include "host/guard/late_row.h"

#include <utility>

#include "host/base/log.h"
#include "host/guard/row_json.h"

namespace modhost::host {

LateRow::LateRow(std::shared_ptr<GuardCore> core, EventPtr event,
                 std::shared_ptr<DeliveryLedger> ledger, std::string log_id, StepState state)
    : core_(std::move(core)),
      event_(std::move(event)),
      ledger_(std::move(ledger)),
      log_id_(std::move(log_id)),
      state_(state) {}

void LateRow::close() {
  if (!core_->enterUnlessStopping()) return;
  core_->sendOwn(*event_, ledger_->key(), "PATCH", "/message-log/" + pathSegment(log_id_),
                 closingBody(state_), [self = shared_from_this()](const PlatformOutcome& outcome) {
                   self->answered(outcome);
                   self->core_->leave();
                 });
}

void LateRow::answered(const PlatformOutcome& outcome) {
  if (!isSuccess(outcome)) return tryAgainLater();
  ledger_->becameState(log_id_, state_,
                       [core = core_](Result<void> recorded) { core->noteRecord(recorded); });
}

void LateRow::tryAgainLater() {
  const GuardSettings& settings = core_->settings;
  const bool last = ++rounds_failed_ == settings.late_rounds;
  if (!last) {
    core_->after(settings.late_backoff * (1 << (rounds_failed_ - 1)),
                 [self = shared_from_this()] { self->close(); });
  }
  core_->metrics.failed_closings.add();
  logError("guard",
           last ? "a row that was opened too late stays open in the chat"
                : "a row that was opened too late could not be closed; it is tried again",
           aboutDelivery(*event_, ledger_->key()), {{"round", rounds_failed_}});
}

}  // namespace modhost::host
