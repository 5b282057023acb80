#include "bench/conversations.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/latency.h"

namespace modhost::bench {
namespace {

// A marker that a stray program made up must not cost the memory of the machine.
constexpr std::uint64_t kNumberMax = 10'000'000;

}  // namespace

Conversations::One& Conversations::find(const Marker& marker) {
  const std::uint64_t number = std::min(marker.number, kNumberMax);
  if (number >= all_.size()) all_.resize(number + 1);
  One& one = all_[number];
  one.known = true;
  one.posted_at = marker.posted_at;
  return one;
}

void Conversations::called(const Marker& marker, std::chrono::nanoseconds own_delay) {
  find(marker).own_delay += own_delay;
}

void Conversations::ended(const Marker& marker, bool apology, SteadyTime now) {
  One& one = find(marker);
  if (one.ended) return;
  one.ended = true;
  one.ended_at = now;
  ++(apology ? apologised_ : answered_);
}

std::string Conversations::ends() const {
  return nlohmann::json{{"answered", answered_}, {"apologised", apologised_}}.dump();
}

std::string Conversations::summary() const {
  std::vector<double> total, added;
  SteadyTime first = SteadyTime::max(), last = SteadyTime::min();
  for (const One& one : all_) {
    if (!one.known || !one.ended) continue;
    total.push_back(milliseconds(one.ended_at - one.posted_at));
    added.push_back(milliseconds(one.ended_at - one.posted_at - one.own_delay));
    first = std::min(first, one.posted_at);
    last = std::max(last, one.ended_at);
  }
  const nlohmann::json summary = {
      {"connects", connects_},
      {"calls", calls_},
      {"answered", answered_},
      {"apologised", apologised_},
      {"total_p50_ms", percentile(total, 0.50)},
      {"total_p99_ms", percentile(total, 0.99)},
      {"total_max_ms", percentile(total, 1)},
      {"added_p50_ms", percentile(added, 0.50)},
      {"added_p99_ms", percentile(added, 0.99)},
      {"added_max_ms", percentile(added, 1)},
      {"first_post_to_last_answer_ms", total.empty() ? 0 : milliseconds(last - first)},
  };
  return summary.dump();
}

}  // namespace modhost::bench
