// RecentAttempts: the latest attempts of all modules, for people who look on. In memory only: what
// must outlive the process stands in the inbox.
//
// Threads: any. begun() and ended() hold the mutex for one short copy.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/mutex.h"
#include "host/inbox/inbox.h"
#include "host/modules/module_runner.h"

namespace modhost::host {

// Newer ones push out older ones, whether those have ended or not.
inline constexpr std::size_t kRecentAttemptsMax = 512;

struct RecentAttempt {
  AttemptToken token = 0;
  std::int64_t change = 0;  // counts begins and ends, from 1: which of two was told last
  DeliveryKey key;
  std::string event_id;
  std::string event_type;
  int attempt = 0;  // its number, from 1
  WallTime received_at{};
  WallTime started_at{};
  // Once it has ended:
  std::optional<End> end;
  std::chrono::microseconds took{};  // the module had it so long
  bool again = false;                // the delivery waits for another attempt
  std::string error;                 // never message text
};

class RecentAttempts {
 public:
  // `delivery` counts this attempt already. Tokens are never used twice.
  void begun(AttemptToken token, const Delivery& delivery, WallTime now) EXCLUDES(mutex_);
  // One that was pushed out meanwhile is nothing.
  void ended(AttemptToken token, std::chrono::microseconds took, End end, bool again,
             const std::string& error) EXCLUDES(mutex_);

  // Those that have changed since `change`, in the order of their changes; all for 0, and for one
  // that is yet to come (it was counted by an earlier process).
  std::vector<RecentAttempt> changedSince(std::int64_t change) const EXCLUDES(mutex_);
  std::int64_t lastChange() const EXCLUDES(mutex_);

 private:
  RecentAttempt& slot(AttemptToken token) REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::int64_t last_change_ GUARDED_BY(mutex_) = 0;
  std::vector<RecentAttempt> ring_ GUARDED_BY(mutex_) =
      std::vector<RecentAttempt>(kRecentAttemptsMax);
};

}  // namespace modhost::host
