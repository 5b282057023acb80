#include "host/guard/stop_watch.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "host/base/log.h"
#include "host/guard/row_json.h"

namespace modhost::host {

StopWatch::StopWatch(std::shared_ptr<GuardCore> core, EventPtr event, DeliveryKey key,
                     SteadyTime deadline)
    : core_(std::move(core)), event_(std::move(event)), key_(std::move(key)), deadline_(deadline) {}

void StopWatch::start(std::function<void()> stopped) {
  const Milliseconds every = core_->settings.stop_poll;
  if (every.count() == 0 || event_->assistant_message_id.empty()) return;
  {
    MutexLock lock(mutex_);
    tell_ = std::move(stopped);
  }
  // What waited in the inbox, or for a retry, may have been stopped meanwhile.
  const Milliseconds age = core_->clock.wallNow() - event_->received_at;
  lookAfter(every - std::clamp(age, Milliseconds{}, every));
}

void StopWatch::lookAfter(Milliseconds delay) {
  core_->after(delay, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->look();
  });
}

void StopWatch::look() {
  const SteadyTime now = core_->clock.steadyNow();
  {
    MutexLock lock(mutex_);
    if (ended_ || now >= deadline_) return;
    core_->enter();
  }
  const GuardCore::Ticket ticket = core_->lookAtMessage(
      *event_, originOf(*event_, key_), std::nullopt,
      std::min(deadline_, now + core_->settings.call_timeout),
      [self = shared_from_this()](PlatformOutcome outcome) { self->looked(outcome); });
  bool cut = false;
  {
    MutexLock lock(mutex_);
    on_wire_ = ticket;
    cut = ended_;
  }
  if (cut) core_->cancel(ticket);
}

void StopWatch::looked(const PlatformOutcome& outcome) {
  const auto message = messageIn(outcome);
  if (!message && !hasEnded()) core_->metrics.failed_stop_polls.add();
  if (message && isAborted(*message)) {
    noteStop();
  } else {
    lookAfter(core_->settings.stop_poll);
  }
  core_->leave();
}

void StopWatch::noteStop() {
  std::function<void()> tell;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    if (!ended_) tell.swap(tell_);
  }
  logInfo("guard", "the user pressed stop", aboutDelivery(*event_, key_));
  if (tell) tell();
}

void StopWatch::end() {
  GuardCore::Ticket ticket = 0;
  {
    MutexLock lock(mutex_);
    ended_ = true;
    ticket = on_wire_;
  }
  if (ticket != 0) core_->cancel(ticket);
}

bool StopWatch::stopped() const {
  MutexLock lock(mutex_);
  return stopped_;
}

bool StopWatch::hasEnded() const {
  MutexLock lock(mutex_);
  return ended_;
}

}  // namespace modhost::host
