// UniqueError: a call to the Unique API that brought no usable reply.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "modhost/abi.h"
#include "modhost/error.h"
#include "modhost/json.h"

namespace modhost {

// what() names the call, the status and the platform's own code and type, e.g.
// "POST /search/search: HTTP 404 (invalid_request_error, not_found)". It never holds the reply or
// its message.
class UniqueError : public Error {
 public:
  enum class Kind {
    kStatus = 1,  // the platform answered, but not with 2xx
    kGarbage,     // 2xx, but not what this call answers: no JSON, or without what it must hold
    kRefused,     // the host does not let this module make this call (`platform_calls` in
                  // modules.yaml)
    kCancelled,   // the attempt is over: leave handle()
    kTimeout,
    kUnavailable,  // no connection, or cut, after all tries of the host
  };

  UniqueError(Kind kind, const std::string& what, int status = 0, std::string code = {},
              std::string type = {})
      : Error(what), kind_(kind), status_(status), code_(std::move(code)), type_(std::move(type)) {}

  Kind kind() const { return kind_; }
  // Of kStatus, otherwise 0. Where the error names the status of its cause, that one: it outranks
  // HTTP's.
  int status() const { return status_; }
  // As the platform gave them; empty when it gave none or no plain word.
  const std::string& code() const { return code_; }
  const std::string& type() const { return type_; }

 private:
  Kind kind_;
  int status_;
  std::string code_, type_;
};

namespace detail {

// Longer words, or with other characters than an identifier has, are not codes and could be
// somebody's text.
inline constexpr std::size_t kErrorWordMax = 64;

inline std::string plainWord(const Json& json) {
  std::string word = stringOf(json);
  const bool is_plain =
      word.size() <= kErrorWordMax &&
      word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
          std::string::npos;
  return is_plain ? word : std::string();
}

// "POST /messages/msg_1": without the query, which may hold a text that was asked for.
inline std::string callName(std::string_view method, std::string_view path) {
  return std::string(method) + " " + std::string(path.substr(0, path.find('?')));
}

// What the platform's error body says: {"error": {code, type, cause}}, {"error": "text"} or the
// members at top level; but a proxy's HTML or anything else is possible, and says nothing.
inline UniqueError statusError(const std::string& call, int http_status, std::string_view body) {
  const Json reply = parseJson(body).value_or(Json());
  const Json& nested = memberOf(reply, "error");
  const Json& error = nested.is_object() ? nested : reply;
  const Json& cause_status = memberOf(memberOf(error, "cause"), "status");
  const bool has_cause =
      cause_status.is_number_unsigned() && cause_status >= 400 && cause_status < 600;

  const int status = has_cause ? cause_status.get<int>() : http_status;
  const std::string code = plainWord(memberOf(error, "code")),
                    type = plainWord(memberOf(error, "type"));
  std::string words = call + ": HTTP " + std::to_string(http_status);
  if (has_cause) words += ", caused by " + std::to_string(status);
  if (!code.empty() || !type.empty()) {
    words += " (" + type + (code.empty() || type.empty() ? "" : ", ") + code + ")";
  }
  return UniqueError(UniqueError::Kind::kStatus, words, status, code, type);
}

inline UniqueError callError(const std::string& call, std::int32_t error) {
  using Kind = UniqueError::Kind;
  switch (error) {
    case MODHOST_CALL_REFUSED:
      return UniqueError(Kind::kRefused, call + ": not among the calls this module may make");
    case MODHOST_CALL_CANCELLED:
      return UniqueError(Kind::kCancelled, call + ": cancelled");
    case MODHOST_CALL_TIMEOUT:
      return UniqueError(Kind::kTimeout, call + ": no reply in time");
    default:
      return UniqueError(Kind::kUnavailable, call + ": the platform can not be reached");
  }
}

inline UniqueError garbageError(const std::string& call, const std::string& why) {
  return UniqueError(UniqueError::Kind::kGarbage, call + ": " + why);
}

}  // namespace detail
}  // namespace modhost
