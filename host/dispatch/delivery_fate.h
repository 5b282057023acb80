// DeliveryFate: what follows when an attempt has come back. A pure function, so that the whole
// policy can be read, and tested, as one table.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "host/dispatch/dispatcher.h"
#include "host/inbox/event_query.h"

namespace modhost::host {

struct AttemptReport {
  AttemptEnd end;
  bool deadline_passed = false;  // it came back after its deadline, or never
  bool user_stopped = false;     // before it came back
  int attempts = 1;              // counted, this one included
  int interruptions = 0;         // counted before this one
  // Of a module that answers: until answer_within has passed. Empty for all others.
  std::optional<Milliseconds> answer_left;
  bool answered = false;  // an answer is known to stand; the apology is none
};

struct FateLimits {
  RetrySettings retry;
  int interruptions_max = 3;
};

struct Fate {
  enum class Next {
    kEnd = 1,      // for good, as `end`
    kRetry,        // again after `delay`; the attempt counts
    kInterrupted,  // again now; the attempt does not count, the interruption does
    kHandBack,     // again now; nothing counts
  };
  Next next = Next::kEnd;
  End end = End::kFailed;  // of the delivery for kEnd, of the attempt otherwise
  Milliseconds delay{};
  std::string error;  // at most kErrorBytesMax
};

// After the user's stop the delivery ends as kStopped, whatever the module said or became of it.
// Otherwise what the module said stands, also when it said so within overrun_grace. All else after the
// deadline is kOverran and not given again. An ok of a module that answers, without an answer,
// ended as kFailed. A retry that could not run before answer_within is none.
Fate decideFate(const AttemptReport& report, const FateLimits& limits);

// After the attempt with this number, from 1.
Milliseconds backoffAfter(const RetrySettings& retry, int attempt);

// Ended well enough to be done; the others become dead letters.
bool isGood(End end);

// A module's words are kept up to this length.
inline constexpr std::size_t kErrorBytesMax = 500;

}  // namespace modhost::host
