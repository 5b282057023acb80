// Clock: the only source of time, so that a test can be the one who moves it
// (tests/support/fake_clock.h).
#pragma once

#include <chrono>

#include "host/base/mutex.h"

namespace modhost::host {

using Milliseconds = std::chrono::milliseconds;
// Unix time; what is stored and shown. It may jump.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
// Never jumps; what deadlines are made of. On Linux this is CLOCK_MONOTONIC.
using SteadyTime = std::chrono::steady_clock::time_point;

// Threads: every method may be called from any thread at once.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wallNow() const = 0;
  virtual SteadyTime steadyNow() const = 0;
  // Waits on `changed` until it is notified or `deadline` has passed on this clock; may wake early.
  virtual void waitUntil(CondVar& changed, Mutex& mutex, SteadyTime deadline) REQUIRES(mutex) = 0;
};

class SystemClock final : public Clock {
 public:
  WallTime wallNow() const override;
  SteadyTime steadyNow() const override;
  void waitUntil(CondVar& changed, Mutex& mutex, SteadyTime deadline) REQUIRES(mutex) override;
};

}  // namespace modhost::host
