// ClosingRun: the closing calls of one delivery. First every open step, each on its own, then the
// apology.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "host/guard/delivery_ledger.h"
#include "host/guard/guard.h"
#include "host/guard/guard_core.h"

namespace modhost::host {

// Lives until its last callback has run. Threads: start() from any; the rest on the callbacks'
// threads.
class ClosingRun : public std::enable_shared_from_this<ClosingRun> {
 public:
  ClosingRun(std::shared_ptr<GuardCore> core, Closing closing,
             std::shared_ptr<DeliveryLedger> ledger, std::function<void(bool)> done);

  void start();

 private:
  void closeStep(const Step& step);
  void countOrphan(const Step& step);
  void partEnded();
  void apologise();
  bool mayBeAnswered() const;
  void lookBeforeWriting();
  void messageFound(const PlatformOutcome& outcome);
  void writeApology();
  void apologyStands();
  Inbox::Done recordedThenEnd();
  void end();
  void failed(const char* what, const PlatformOutcome& outcome);

  const std::shared_ptr<GuardCore> core_;
  const Closing closing_;
  const std::shared_ptr<DeliveryLedger> ledger_;
  const std::function<void(bool)> done_;

  Mutex mutex_;
  int parts_ GUARDED_BY(mutex_) = 0;  // step closings under way, and start() itself
  bool all_accepted_ GUARDED_BY(mutex_) = true;
};

}  // namespace modhost::host
