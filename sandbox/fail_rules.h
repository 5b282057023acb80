// FailRules: faults on purpose, so that one sees how a module bears them. A rule is
//   "METHOD PATH=WHAT" or "METHOD PATH=WHAT:TIMES"
// METHOD: a method or '*'. PATH: whole leading segments ("/messages" is "/messages/{id}" too, but
// not
// "/message-log"). TIMES: how often it applies; without it always. WHAT:
//   400…599  this status with the platform's error body; the call has no effect (429 comes with
//   Retry-After) html     200 and a page of HTML, as a proxy's login page; the call has no effect
//   cut      the call takes effect, then the connection breaks in the middle of the answer
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/base/mutex.h"

namespace modhost::sandbox {

struct Fault {
  enum class Kind { kStatus = 1, kHtml, kCut };
  Kind kind = Kind::kStatus;
  int status = 0;  // of kStatus
};

struct FailRule {
  std::string method;
  std::string path;
  Fault fault;
  std::optional<int> times_left;
};

// nullopt: `text` is no rule.
std::optional<FailRule> parseFailRule(std::string_view text);

// Threads: next() may be called from any thread at once.
class FailRules {
 public:
  explicit FailRules(std::vector<FailRule> rules) : rules_(std::move(rules)) {}

  // The fault of the first rule that fits and is not used up; it is used once by this.
  std::optional<Fault> next(std::string_view method, std::string_view path) EXCLUDES(mutex_);

 private:
  host::Mutex mutex_;
  std::vector<FailRule> rules_ GUARDED_BY(mutex_);
};

}  // namespace modhost::sandbox
