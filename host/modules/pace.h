// Pace: so much at once, then so much a second (a token bucket).
#pragma once

#include <algorithm>
#include <chrono>

#include "host/base/clock.h"

namespace modhost::host {

// Threads: one, or under its owner's lock.
class Pace {
 public:
  Pace(double burst, double per_second, SteadyTime now)
      : burst_(burst), per_second_(per_second), left_(burst), at_(now) {}

  // Takes one if there is one.
  bool take(SteadyTime now) {
    refill(now);
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }
  // Takes `amount`, also what is not there; until owedUntil() nothing is left.
  void spend(double amount, SteadyTime now) {
    refill(now);
    left_ -= amount;
  }
  SteadyTime owedUntil() const {
    const std::chrono::duration<double> wait(std::max(0.0, -left_ / per_second_));
    return at_ + std::chrono::duration_cast<SteadyTime::duration>(wait);
  }

 private:
  void refill(SteadyTime now) {
    const double seconds = std::chrono::duration<double>(now - at_).count();
    left_ = std::min(burst_, left_ + seconds * per_second_);
    at_ = now;
  }

  double burst_, per_second_;
  double left_;
  SteadyTime at_;
};

}  // namespace modhost::host
