// LogBudget: a few lines a second for what strangers can cause at will, so that they cannot fill
// the disk. The metrics count all of it.
#pragma once

#include <optional>
#include <utility>

#include "host/base/clock.h"
#include "host/base/mutex.h"

namespace modhost::host {

inline constexpr int kRefusalLinesPerSecond = 10;

// Threads: any.
class LogBudget {
 public:
  // How many lines were left out since the last one written; nullopt: leave this one out too.
  std::optional<int> take(SteadyTime now) {
    MutexLock lock(mutex_);
    if (now - second_ >= std::chrono::seconds(1)) {
      second_ = now;
      written_ = 0;
    }
    if (written_ >= kRefusalLinesPerSecond) {
      ++left_out_;
      return std::nullopt;
    }
    ++written_;
    return std::exchange(left_out_, 0);
  }

 private:
  Mutex mutex_;
  SteadyTime second_ GUARDED_BY(mutex_){};
  int written_ GUARDED_BY(mutex_) = 0;
  int left_out_ GUARDED_BY(mutex_) = 0;
};

}  // namespace modhost::host
