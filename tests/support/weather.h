// Weather: a platform that goes wrong at random: each call that no script of the RecordingPlatform
// is for is cut, refused, slowed down or left alone, by the odds of the day.
//
// Threads: every method from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>

#include "host/base/mutex.h"
#include "tests/support/recording_platform.h"

namespace modhost::host {

// In a thousand calls; what is left of the thousand goes well.
struct Odds {
  const char* name = "calm";
  int cut_before_reading = 0;
  int cut_after_handling = 0;
  int cut_mid_reply = 0;
  int unavailable = 0;  // 503, nothing was done
  int gateway = 0;      // 504 on a PATCH that was done all the same; elsewhere 502, nothing done
  int too_many = 0;     // 429, with Retry-After of 0 or 1 s
  int slow = 0;         // done at once, answered up to slow_max later
  Milliseconds slow_max{300};
};

// The days that there are, the likelier ones more than once; calm is the first.
inline constexpr int kDays = 9;
const Odds& dayNumber(int number);

class Weather {
 public:
  explicit Weather(std::uint64_t seed) : random_(seed) {}

  void change(const Odds& odds);
  // What becomes of this call.
  CallScript of(const RecordedCall& call);

 private:
  int below(int limit) REQUIRES(mutex_);

  Mutex mutex_;
  std::mt19937_64 random_ GUARDED_BY(mutex_);
  Odds odds_ GUARDED_BY(mutex_);
};

}  // namespace modhost::host
