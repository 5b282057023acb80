// LateRow: closes a message log row that a write of a given-up attempt has opened too late: after the
// fence had stopped waiting for it, so that whoever closed the delivery's steps may have passed. No
// ledger of an ended delivery speaks of the row any more, so it is tried again here: late_rounds
// rounds, after late_backoff, twice that, and so on. Each failed round is counted and logged; then,
// or with the guard's end, the row stays open.
#pragma once

#include <memory>
#include <string>

#include "host/guard/delivery_ledger.h"
#include "host/guard/guard_core.h"

namespace modhost::host {

// Lives until its last callback has run. Threads: close() from any, once; the rest on the callbacks'
// threads.
class LateRow : public std::enable_shared_from_this<LateRow> {
 public:
  // `state`: kCompleted or kFailed.
  LateRow(std::shared_ptr<GuardCore> core, EventPtr event, std::shared_ptr<DeliveryLedger> ledger,
          std::string log_id, StepState state);

  void close();

 private:
  void answered(const PlatformOutcome& outcome);
  void tryAgainLater();

  const std::shared_ptr<GuardCore> core_;
  const EventPtr event_;
  const std::shared_ptr<DeliveryLedger> ledger_;
  const std::string log_id_;
  const StepState state_;
  int rounds_failed_ = 0;  // one round at a time
};

}  // namespace modhost::host
