#include "host/dispatch/recent_attempts.h"

#include <algorithm>
#include <iterator>

namespace modhost::host {

void RecentAttempts::begun(AttemptToken token, const Delivery& delivery, WallTime now) {
  MutexLock lock(mutex_);
  RecentAttempt& attempt = slot(token);
  attempt.token = token;
  attempt.change = ++last_change_;
  attempt.key = delivery.key;
  attempt.event_id = delivery.event->id;
  attempt.event_type = delivery.event->type;
  attempt.attempt = delivery.attempts;
  attempt.received_at = delivery.event->received_at;
  attempt.started_at = now;
  attempt.end.reset();
  attempt.took = {};
  attempt.again = false;
  attempt.error.clear();
}

void RecentAttempts::ended(AttemptToken token, std::chrono::microseconds took, End end, bool again,
                           const std::string& error) {
  MutexLock lock(mutex_);
  RecentAttempt& attempt = slot(token);
  if (attempt.token != token) return;
  attempt.change = ++last_change_;
  attempt.end = end;
  attempt.took = took;
  attempt.again = again;
  attempt.error = error;
}

std::vector<RecentAttempt> RecentAttempts::changedSince(std::int64_t change) const {
  std::vector<RecentAttempt> changed;
  MutexLock lock(mutex_);
  const std::int64_t after = change > last_change_ ? 0 : change;
  std::copy_if(ring_.begin(), ring_.end(), std::back_inserter(changed),
               [&](const RecentAttempt& one) { return one.change > after; });
  std::sort(changed.begin(), changed.end(),
            [](const RecentAttempt& a, const RecentAttempt& b) { return a.change < b.change; });
  return changed;
}

std::int64_t RecentAttempts::lastChange() const {
  MutexLock lock(mutex_);
  return last_change_;
}

RecentAttempt& RecentAttempts::slot(AttemptToken token) {
  return ring_[static_cast<std::size_t>(token) % kRecentAttemptsMax];
}

}  // namespace modhost::host
