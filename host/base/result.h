// Result<T>: a value, or an Error that says which kind and why. The project's way for what can be
// expected to fail at run time (a full inbox, a busy disk, an API that answers 429); C++20 has no
// std::expected.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "host/base/assert.h"

namespace modhost::host {

// What a caller can do about it decides the kind; the message is for people. Starts at 1, so that a
// forgotten value is never a valid one.
enum class ErrorKind {
  kInvalid = 1,  // the input can never become right
  kDuplicate,    // already there; nothing was changed
  kFull,         // a named limit is reached; try again later
  kUnavailable,  // a passing fault; nothing was changed, try again
  kCorrupt,      // what is stored cannot be trusted; stop
  kNotOwner,     // somebody else owns it now
  kTimeout,      // the deadline passed
  kCancelled,    // fenced or stopped on purpose
};

struct Error {
  ErrorKind kind = ErrorKind::kInvalid;
  std::string message;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT: a value is a result
  Result(Error error) : state_(std::move(error)) {}  // NOLINT: so is an error

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // The value; asserts ok(). A temporary gives no reference away: take the Result first.
  T& value() & {
    MODHOST_ASSERT(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    MODHOST_ASSERT(ok());
    return std::get<0>(state_);
  }
  T&& value() && = delete;
  T take() {
    MODHOST_ASSERT(ok());
    return std::move(std::get<0>(state_));
  }

  // The error; asserts !ok().
  const Error& error() const& {
    MODHOST_ASSERT(!ok());
    return std::get<1>(state_);
  }
  Error&& error() && = delete;
  Error takeError() {
    MODHOST_ASSERT(!ok());
    return std::move(std::get<1>(state_));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : failed_(true), error_(std::move(error)) {}  // NOLINT: an error is a result

  bool ok() const { return !failed_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const& {
    MODHOST_ASSERT(failed_);
    return error_;
  }
  Error&& error() && = delete;
  Error takeError() {
    MODHOST_ASSERT(failed_);
    return std::move(error_);
  }

 private:
  bool failed_ = false;
  Error error_;
};

}  // namespace modhost::host
