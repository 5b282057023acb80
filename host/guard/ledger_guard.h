// LedgerGuard: Guard over the inbox's ledger and one platform client.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "host/guard/guard.h"
#include "host/guard/recent_calls.h"

namespace modhost::host {

class GuardCore;
class LedgerAttempt;

// open(), standing() and close() may block for a read of the ledger: never call them in a callback
// of the inbox. close() runs `done` once, on a callback's thread or before it returns.
class LedgerGuard final : public Guard {
 public:
  // Everything passed must outlive this.
  LedgerGuard(Inbox& inbox, Platform& platform, Clock& clock, Metrics& metrics,
              GuardSettings settings);
  // Fences every attempt, cuts what is on the wire and returns when the last callback has run; a
  // module that still holds its attempt gets kCancelled from then on. Not from a callback.
  ~LedgerGuard() override;

  std::shared_ptr<GuardedAttempt> open(
      const Delivery& delivery, SteadyTime deadline,
      std::shared_ptr<const std::vector<CallPattern>> allowed) override;
  Result<Standing> standing(const DeliveryKey& key) override;
  void close(const Closing& closing, std::function<void(bool)> done) override;

  // Of its deliveries, among the latest of all events.
  std::vector<RecentCall> callsOf(EventSeq seq) const;

 private:
  const std::shared_ptr<GuardCore> core_;

  Mutex mutex_;
  std::vector<std::weak_ptr<LedgerAttempt>> attempts_ GUARDED_BY(mutex_);
  std::size_t forget_at_ GUARDED_BY(mutex_) = 1'024;  // attempts_ is swept at this size
};

}  // namespace modhost::host
