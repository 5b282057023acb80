// When a call is tried again: pure arithmetic, so that the rules can be tested without a wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "host/base/clock.h"

namespace modhost::host {

struct RetrySchedule {
  int tries = 3;                         // in all, the first included
  Milliseconds backoff{1'000};           // before the second try; doubles with each further one
  Milliseconds backoff_max{30'000};      // bound of one such delay, its jitter not counted
  Milliseconds retry_after_max{60'000};  // what a Retry-After may ask for at most
};

// The delay after `tries_made` tries: backoff · 2^(tries_made − 1), at most backoff_max, plus 0-10
// % jitter. `random` is any 64-bit number.
Milliseconds backoffDelay(const RetrySchedule& schedule, int tries_made, std::uint64_t random);

// A Retry-After header's value: seconds, or an HTTP date relative to `now`; between 0 and
// retry_after_max. nullopt: neither of both.
std::optional<Milliseconds> parseRetryAfter(const RetrySchedule& schedule, const std::string& value,
                                            WallTime now);

// 429 and 5xx pass; every other status is the caller's answer.
bool isRetryableStatus(int status);

}  // namespace modhost::host
