// Outcome: how handling one event ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "modhost/abi.h"

namespace modhost {

// The text says why and goes to the host's log and the dead letters: never message text.
class Outcome {
 public:
  enum class Kind : std::int32_t {
    kOk = MODHOST_OK,
    kRetry = MODHOST_RETRY,
    kReject = MODHOST_REJECT,
    kSkipped = MODHOST_SKIPPED,
    kFailed = MODHOST_FAILED,
  };

  // Handled.
  static Outcome ok() { return Outcome(Kind::kOk, {}, {}); }
  // Again, not before `after`; 0: the operator's back-off.
  static Outcome retry(std::string why, std::chrono::milliseconds after = {}) {
    return Outcome(Kind::kRetry, std::move(why), after);
  }
  // Never again: this event can not become right. It is kept as a dead letter.
  static Outcome reject(std::string why) { return Outcome(Kind::kReject, std::move(why), {}); }
  // Not for this module.
  static Outcome skipped(std::string why = {}) {
    return Outcome(Kind::kSkipped, std::move(why), {});
  }
  // Went wrong; the operator's retry rules apply. An exception has the same effect.
  static Outcome failed(std::string why) { return Outcome(Kind::kFailed, std::move(why), {}); }

  Kind kind() const { return kind_; }
  const std::string& text() const { return text_; }
  std::chrono::milliseconds retryAfter() const { return retry_after_; }

 private:
  Outcome(Kind kind, std::string text, std::chrono::milliseconds retry_after)
      : kind_(kind), text_(std::move(text)), retry_after_(retry_after) {}

  Kind kind_;
  std::string text_;
  std::chrono::milliseconds retry_after_;
};

}  // namespace modhost
