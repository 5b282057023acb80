// StopSignal: what every waiting thread of the sandbox waits on besides its own reason.
#pragma once

#include <atomic>

#include "host/base/clock.h"

namespace modhost::sandbox {

// Threads: every method may be called from any thread at once.
class StopSignal {
 public:
  explicit StopSignal(host::Clock& clock) : clock_(clock) {}

  void stop() EXCLUDES(mutex_) {
    host::MutexLock lock(mutex_);
    stopped_ = true;
    changed_.notifyAll();
  }

  bool stopped() const { return stopped_; }

  // Waits until `duration` has passed; false: stopped before.
  bool pause(host::Milliseconds duration) EXCLUDES(mutex_) {
    const host::SteadyTime end = clock_.steadyNow() + duration;
    host::MutexLock lock(mutex_);
    while (!stopped_ && clock_.steadyNow() < end) clock_.waitUntil(changed_, mutex_, end);
    return !stopped_;
  }

 private:
  host::Clock& clock_;
  host::Mutex mutex_;
  host::CondVar changed_;
  std::atomic<bool> stopped_{false};
};

}  // namespace modhost::sandbox
