// RecentCalls: the latest platform calls of all deliveries, for people who look on. In memory only.
// Of what a call said it keeps nothing: no id, query, header or body, of request or reply.
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
#include "host/platform/platform.h"

namespace modhost::host {

// Newer ones push out older ones, whether those have ended or not. About 200 bytes each, taken as
// they come.
inline constexpr std::size_t kRecentCallsMax = 4'096;

// Whose a call is.
struct CallOwner {
  DeliveryKey key;
  int attempt = 0;  // its number, from 1; 0: the host's own, as it closes the chat
};

struct RecentCall {
  std::uint64_t number = 0;  // counts begins, from 1
  CallOwner owner;
  std::string method;
  std::string route;  // the path's template
  WallTime started_at{};
  // Once it has ended:
  bool ended = false;
  std::chrono::microseconds took{};  // with all its tries and the waits between them
  int status = 0;                    // 0: no reply came
  std::optional<ErrorKind> error;    // why none came
  int tries = 0;
};

class RecentCalls {
 public:
  // Its number, for ended().
  std::uint64_t begun(const CallOwner& owner, const PlatformRequest& request, WallTime now)
      EXCLUDES(mutex_);
  // One that was pushed out meanwhile is nothing.
  void ended(std::uint64_t number, const PlatformOutcome& outcome, SteadyTime::duration took)
      EXCLUDES(mutex_);

  // Those of the event, in the order of their begins. Looks at all of them.
  std::vector<RecentCall> of(EventSeq seq) const EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::uint64_t last_ GUARDED_BY(mutex_) = 0;
  std::vector<RecentCall> ring_ GUARDED_BY(mutex_);  // grows to kRecentCallsMax
};

}  // namespace modhost::host
