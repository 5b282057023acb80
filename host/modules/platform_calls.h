// PlatformCalls: the one way out of a module. `modules` declares it, `guard` implements it, one per
// attempt.
#pragma once

#include <functional>
#include <string>

#include "host/base/log.h"

namespace modhost::host {

// A call as it crosses the ABI: the host adds base, credentials, user and company.
struct ModuleCall {
  std::string method;
  std::string path;
  std::string body;  // JSON text; empty for none
};

// Exactly one of: a reply with its HTTP status, or an error (status 0) with a kind and words.
struct ModuleReply {
  enum class Error { kNone = 0, kRefused = 1, kCancelled, kTimeout, kUnavailable };
  Error error = Error::kNone;
  int status = 0;
  std::string body;
  std::string error_text;  // never holds message text or credentials
};

// Threads: any. `done` runs exactly once, maybe before call() returns, on a thread that must not be
// blocked.
class PlatformCalls {
 public:
  virtual ~PlatformCalls() = default;
  virtual void call(ModuleCall call, std::function<void(ModuleReply)> done) = 0;
  // True once the attempt is fenced, its deadline has passed, or the user pressed stop.
  virtual bool cancelled() const = 0;
  // What every log line about the attempt begins with.
  virtual const LogFields& about() const {
    static const LogFields nothing;
    return nothing;
  }
};

}  // namespace modhost::host
