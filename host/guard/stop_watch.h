// StopWatch: looks, while an attempt runs, whether the user pressed stop in the chat. The platform
// tells nobody; it sets `userAbortedAt` of the assistant message, so the message is read again and
// again. docs/decisions/0010-users-stop.md says what follows from a stop.
//
// One look at a time, the next one stop_poll after the reply of the last: a platform that is slow,
// or that pauses the company by a 429, is asked less often, not more.
//
// Threads: every method from any thread.
#pragma once

#include <functional>
#include <memory>

#include "host/base/clock.h"
#include "host/base/mutex.h"
#include "host/event/event.h"
#include "host/guard/guard_core.h"

namespace modhost::host {

class StopWatch : public std::enable_shared_from_this<StopWatch> {
 public:
  StopWatch(std::shared_ptr<GuardCore> core, EventPtr event, DeliveryKey key, SteadyTime deadline);

  // The first look comes stop_poll after the event's receipt, at once when that has passed. Then
  // `stopped` runs once, when the user has pressed stop before end() and the deadline.
  void start(std::function<void()> stopped);
  // No look is begun any more, and one on the wire is cut.
  void end();

  bool stopped() const;

 private:
  void lookAfter(Milliseconds delay);
  void look();
  void looked(const PlatformOutcome& outcome);
  void noteStop();
  bool hasEnded() const EXCLUDES(mutex_);

  const std::shared_ptr<GuardCore> core_;
  const EventPtr event_;
  const DeliveryKey key_;
  const SteadyTime deadline_;

  mutable Mutex mutex_;
  bool ended_ GUARDED_BY(mutex_) = false;
  bool stopped_ GUARDED_BY(mutex_) = false;
  GuardCore::Ticket on_wire_ GUARDED_BY(mutex_) = 0;  // the latest look
  std::function<void()> tell_ GUARDED_BY(mutex_);
};

}  // namespace modhost::host
