#include "host/guard/recent_calls.h"

#include <algorithm>
#include <iterator>

namespace modhost::host {
namespace {

std::size_t slotOf(std::uint64_t number) { return (number - 1) % kRecentCallsMax; }

}  // namespace

std::uint64_t RecentCalls::begun(const CallOwner& owner, const PlatformRequest& request,
                                 WallTime now) {
  RecentCall call;
  call.owner = owner;
  call.method = request.method;
  call.route = request.route;
  call.started_at = now;
  MutexLock lock(mutex_);
  call.number = ++last_;
  if (ring_.size() < kRecentCallsMax) {
    ring_.push_back(std::move(call));
  } else {
    ring_[slotOf(last_)] = std::move(call);
  }
  return last_;
}

void RecentCalls::ended(std::uint64_t number, const PlatformOutcome& outcome,
                        SteadyTime::duration took) {
  MutexLock lock(mutex_);
  RecentCall& call = ring_[slotOf(number)];
  if (call.number != number) return;
  call.ended = true;
  call.took = std::chrono::duration_cast<std::chrono::microseconds>(took);
  call.tries = outcome.tries;
  if (outcome.reply.ok()) {
    call.status = outcome.reply.value().status;
  } else {
    call.error = outcome.reply.error().kind;
  }
}

std::vector<RecentCall> RecentCalls::of(EventSeq seq) const {
  std::vector<RecentCall> found;
  MutexLock lock(mutex_);
  std::copy_if(ring_.begin(), ring_.end(), std::back_inserter(found),
               [seq](const RecentCall& call) { return call.owner.key.seq == seq; });
  std::sort(found.begin(), found.end(),
            [](const RecentCall& a, const RecentCall& b) { return a.number < b.number; });
  return found;
}

}  // namespace modhost::host
