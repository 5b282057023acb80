// Step: one line of progress in the chat, while it is worked on.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "modhost/detail/guarded.h"
#include "modhost/unique/client.h"

namespace modhost {

// RUNNING from Context::step() on, until complete() or fail(). A step that is left open, be it by
// an exception or by forgetting it, is set FAILED when it dies. What can not be closed (the
// platform is away, the attempt is over), the host closes later.
//
// Threads: one at a time. Lifetime: must die before handle() returns.
class Step {
 public:
  // `warn` gets one line for the log when the platform could not be told of a failure.
  Step(const UniqueClient& unique, std::string log_id, std::function<void(const std::string&)> warn)
      : unique_(unique), log_id_(std::move(log_id)), warn_(std::move(warn)) {}
  Step(Step&& other) noexcept
      : unique_(other.unique_),
        log_id_(std::exchange(other.log_id_, {})),
        warn_(std::move(other.warn_)) {}
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  Step& operator=(Step&&) = delete;
  ~Step() { fail(); }

  // Another text, still RUNNING. Throws UniqueError.
  void update(std::string text) {
    unique_.updateMessageLog(
        {.id = log_id_, .text = std::move(text), .status = LogStatus::kRunning});
  }

  // COMPLETED with this text. Throws UniqueError; the step is then still open.
  void complete(std::string text) {
    unique_.updateMessageLog(
        {.id = log_id_, .text = std::move(text), .status = LogStatus::kCompleted});
    log_id_.clear();
  }

  // FAILED, with the text it has. Does nothing when the step is closed already.
  void fail() noexcept {
    if (log_id_.empty()) return;
    detail::guarded(
        [&] { unique_.updateMessageLog({.id = log_id_, .status = LogStatus::kFailed}); },
        [&](const std::string& words) { warn_("a step could not be set FAILED: " + words); });
    log_id_.clear();
  }

 private:
  const UniqueClient& unique_;
  std::string log_id_;  // empty: closed
  std::function<void(const std::string&)> warn_;
};

}  // namespace modhost
