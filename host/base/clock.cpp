#include "host/base/clock.h"

namespace modhost::host {

WallTime SystemClock::wallNow() const {
  return std::chrono::time_point_cast<Milliseconds>(std::chrono::system_clock::now());
}

SteadyTime SystemClock::steadyNow() const { return std::chrono::steady_clock::now(); }

void SystemClock::waitUntil(CondVar& changed, Mutex& mutex, SteadyTime deadline) {
  changed.waitUntil(mutex, deadline);
}

}  // namespace modhost::host
