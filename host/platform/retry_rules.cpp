#include "host/platform/retry_rules.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace modhost::host {
namespace {

// Beyond this every delay is at its maximum anyway; it keeps the shift within the number.
constexpr int kDoublingsMax = 20;

std::optional<std::int64_t> parseSeconds(const std::string& value) {
  std::int64_t seconds = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, seconds);
  if (stop != end || value.empty()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return std::numeric_limits<std::int64_t>::max();
  if (error != std::errc{}) return std::nullopt;
  return seconds;
}

}  // namespace

Milliseconds backoffDelay(const RetrySchedule& schedule, int tries_made, std::uint64_t random) {
  const int doublings = std::clamp(tries_made - 1, 0, kDoublingsMax);
  const auto plain =
      std::min(schedule.backoff * (std::int64_t{1} << doublings), schedule.backoff_max);
  return plain + plain * static_cast<std::int64_t>(random % 101) / 1'000;
}

std::optional<Milliseconds> parseRetryAfter(const RetrySchedule& schedule, const std::string& value,
                                            WallTime now) {
  std::int64_t seconds = 0;
  if (const auto plain = parseSeconds(value)) {
    seconds = *plain;
  } else {
    const time_t date = curl_getdate(value.c_str(), nullptr);
    if (date < 0) return std::nullopt;
    seconds = static_cast<std::int64_t>(date) -
              std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  }
  const std::int64_t seconds_max =
      std::chrono::ceil<std::chrono::seconds>(schedule.retry_after_max).count();
  const auto asked = std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, seconds_max));
  return std::min<Milliseconds>(asked, schedule.retry_after_max);
}

bool isRetryableStatus(int status) { return status == 429 || status >= 500; }

}  // namespace modhost::host
