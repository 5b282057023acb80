// FakeClock: time stands still until the test moves it. Who waits on it is woken by advance().
#pragma once

#include "host/base/clock.h"

namespace modhost::host {

class FakeClock final : public Clock {
 public:
  WallTime wallNow() const override {
    MutexLock lock(mutex_);
    return wall_;
  }
  SteadyTime steadyNow() const override {
    MutexLock lock(mutex_);
    return steady_;
  }

  // Real waiting, in short slices of real time: the condition is what the caller re-checks, and
  // advance() makes the fake deadline pass. A test is never slower than one slice because of this.
  void waitUntil(CondVar& changed, Mutex& mutex, SteadyTime) REQUIRES(mutex) override {
    changed.waitUntil(mutex, std::chrono::steady_clock::now() + std::chrono::milliseconds(2));
  }

  void advance(Milliseconds by) {
    MutexLock lock(mutex_);
    wall_ += by;
    steady_ += by;
  }
  // A jump of the wall clock alone, as an operator or NTP makes it.
  void jumpWall(Milliseconds by) {
    MutexLock lock(mutex_);
    wall_ += by;
  }

 private:
  mutable Mutex mutex_;
  WallTime wall_ GUARDED_BY(mutex_){std::chrono::milliseconds(1'767'225'600'000)};
  SteadyTime steady_ GUARDED_BY(mutex_){std::chrono::hours(1)};
};

}  // namespace modhost::host
