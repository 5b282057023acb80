// Platform: the outgoing side. One call to the Unique API, bounded in time, retried as the contract
// says.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/base/result.h"
#include "host/base/trace_context.h"

namespace modhost::host {

// For whom calls are made: what their log lines begin with, and the trace they belong to.
struct CallOrigin {
  LogFields about;
  std::string scope;  // of the log, beside the platform's own: that of the module
  TraceContext trace;
};

struct PlatformRequest {
  std::string method;      // GET, POST, PATCH, PUT, DELETE
  std::string path;        // below api_base; starts with '/', ids already encoded, may hold a query
  std::string body;        // JSON text; empty for none
  std::string user_id;     // x-user-id
  std::string company_id;  // x-company-id; also what a 429 pauses
  SteadyTime deadline{};   // of the call with all its tries
  int tries_max = 0;       // fewer tries than configured; 0: as configured
  std::string route = "other";  // the path's template, one of few: a label of metrics
  std::shared_ptr<const CallOrigin> origin = nullptr;
  std::string span_id = {};  // of the call, within its origin's trace; empty: it is told no trace
};

// What came back. Any HTTP status is a reply; an Error means there was none within the deadline.
struct PlatformReply {
  int status = 0;
  std::string body;
};

struct PlatformOutcome {
  Result<PlatformReply> reply;  // errors: kTimeout, kUnavailable (no connection, cut), kCancelled
  // Tries that left (at least partly) and whose reply was never read: what they did is not known.
  int unknown_tries = 0;
  int tries = 0;  // that were made, whatever they came to
};

using PlatformDone = std::function<void(PlatformOutcome)>;
using PlatformCallId = std::uint64_t;

// Threads: call(), withdraw() and cancel() may be called from any thread at once, also from a
// callback. `done` runs exactly once per call, on the platform's own thread: be quick, never block
// there. Errors never hold the key, a request's body or a reply's body.
class Platform {
 public:
  virtual ~Platform() = default;

  // Starts a call. Three tries on connection errors, 429 (Retry-After; every other call of that
  // company waits too) and 5xx, with exponential delay and jitter, none beyond the deadline. Calls
  // that wait for a connection get it in turns of their companies.
  virtual PlatformCallId call(PlatformRequest request, PlatformDone done) = 0;

  // Lets a call that is not on the wire go there no more: it ends as its last try did, or with
  // kCancelled if there was none. What is on the wire stays there and is the last try.
  virtual void withdraw(PlatformCallId id) = 0;

  // Stops a call: no further try; `done` gets kCancelled unless it has run. What is on the wire is
  // cut.
  virtual void cancel(PlatformCallId id) = 0;
};

// An id as a path segment, form-encoded as the platform's own client does (space becomes '+').
std::string pathSegment(const std::string& id);

}  // namespace modhost::host
