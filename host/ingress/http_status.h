// What the sender is told. Every answer of ingress is one of these; which bytes it becomes stands
// in one table, in http_status.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/base/metrics.h"

namespace modhost::host {

enum class Answer {
  kStored = 1,      // on disk, for at least one module
  kDuplicate,       // an event with this id is on disk already
  kUnrouted,        // no route matches; counted, or kept as a dead letter
  kParked,          // signed, but no readable event: kept as a dead letter
  kHealthy,         // GET /health
  kNoSignature,     // one of the two signature headers is missing or empty
  kWrongSignature,  // no secret makes this signature of this body
  kExpiredSecret,   // only a secret whose time is over makes it
  kBadTimestamp,    // not a positive integer
  kStaleTimestamp,  // older than the tolerance
  kMalformed,       // not HTTP as this host reads it
  kNotFound,
  kWrongMethod,
  kBodyTooLarge,
  kHeadTooLarge,
  kInboxFull,
  kInboxUnavailable,
  kInboxFailed,  // storage failed for good; the process is about to exit
  kDraining,
  kReadTimeout,  // the request was not here in time
  kOverloaded,   // connections_max or buffered_bytes_max is reached
  kInternal,     // an exception; a bug
};
inline constexpr int kAnswers = static_cast<int>(Answer::kInternal);

struct HttpStatus {
  int code = 0;
  const char* reason = "";  // as in the status line
  const char* label = "";   // of modhost_webhooks_total{answer}
  const char* error = "";   // in the body; empty for success
  bool verified = false;    // the sender has shown that it knows a secret
};

HttpStatus httpStatus(Answer answer);

// The JSON body. `why` is for kParked alone and is one of a few fixed words, never text of a
// request.
std::string answerBody(Answer answer, std::string_view why = {});

// What a sender that may come again (5xx) is asked to wait.
inline constexpr int kRetryAfterSeconds = 5;
bool mayComeAgain(Answer answer);

// The whole response, head and body, where Poco does not write it: before it sees the request, or
// after it has let go of it. `keep`: the connection bears another request.
std::string wholeResponse(Answer answer, std::string_view why, bool keep);
inline std::string closingResponse(Answer answer) { return wholeResponse(answer, {}, false); }

// modhost_webhooks_total{answer}. Threads: any.
class AnswerCounts {
 public:
  explicit AnswerCounts(Metrics& metrics);
  void count(Answer answer) { counters_[static_cast<std::size_t>(answer) - 1].add(); }

 private:
  std::vector<Counter> counters_;
};

}  // namespace modhost::host
