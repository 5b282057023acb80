// Conversations: what load_platform remembers of each conversation, and the sum of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/bench_event.h"

namespace modhost::bench {

// Threads: one.
class Conversations {
 public:
  // A call of the conversation was answered, `own_delay` after it had come.
  void called(const Marker& marker, std::chrono::nanoseconds own_delay);
  // Its answer, or an apology, was written now.
  void ended(const Marker& marker, bool apology, SteadyTime now);
  void countConnect() { ++connects_; }
  void countCall() { ++calls_; }

  // {"answered":…,"apologised":…}: cheap, for who waits.
  std::string ends() const;
  // One JSON object: connects, calls, answered, apologised; milliseconds from posting to answer
  // (total_*), the same without the platform's own delays (added_*), and from the first posting to
  // the last answer.
  std::string summary() const;

 private:
  struct One {
    bool known = false;
    bool ended = false;
    SteadyTime posted_at{}, ended_at{};
    std::chrono::nanoseconds own_delay{};
  };
  One& find(const Marker& marker);

  std::vector<One> all_;  // by number
  std::int64_t connects_ = 0, calls_ = 0, answered_ = 0, apologised_ = 0;
};

}  // namespace modhost::bench
