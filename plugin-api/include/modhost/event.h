// Event: one event of the platform, as its module sees it.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "modhost/abi.h"
#include "modhost/detail/abi_views.h"
#include "modhost/error.h"
#include "modhost/json.h"

namespace modhost {

// Lifetime: dies when handle() returns; the strings are copies and yours to keep, the Json
// references not. Threads: any. Errors: body() and what reads it throw modhost::Error when the body
// is not a JSON object or nests deeper
//   than kJsonDepthMax. A member that is missing or of another type reads as empty.
class Event {
 public:
  explicit Event(const modhost_event* event) : event_(detail::adopt(event)) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // The idempotency key: the same in every attempt.
  std::string id() const { return text(event_.id); }
  // "unique.chat.external-module.chosen"
  std::string type() const { return text(event_.type); }
  std::string userId() const { return text(event_.user_id); }
  std::string companyId() const { return text(event_.company_id); }
  // Empty when the event names no chat.
  std::string chatId() const { return text(event_.chat_id); }

  // 1 for the first.
  int attempt() const { return static_cast<int>(event_.attempt); }
  std::chrono::system_clock::time_point receivedAt() const {
    return std::chrono::system_clock::time_point(std::chrono::milliseconds(event_.received_at_ms));
  }

  // The whole event; parsed at the first use.
  const Json& body() const {
    const std::lock_guard<std::mutex> lock(parsing_);
    if (!body_) body_.emplace(parsedBody());
    return *body_;
  }

  // `payload`, or an empty object.
  const Json& payload() const { return objectOf(body(), "payload"); }
  // `payload.configuration`: what the space's settings in the platform say to this module, or an
  // empty object.
  const Json& configuration() const { return objectOf(payload(), "configuration"); }

  // What the user wrote: `payload.userMessage.text`, else `payload.text`.
  std::string userText() const {
    const Json& in_message = detail::memberOf(member("userMessage"), "text");
    return detail::stringOf(in_message.is_string() ? in_message : member("text"));
  }
  std::string userMessageId() const { return idOf("userMessage"); }
  // The empty bubble that waits for an answer; empty when the event brings none.
  std::string assistantMessageId() const { return idOf("assistantMessage"); }
  std::string assistantId() const { return detail::stringOf(member("assistantId")); }

 private:
  static std::string text(modhost_view view) { return std::string(detail::textOf(view)); }
  static const Json& objectOf(const Json& json, const char* key) {
    const Json& found = detail::memberOf(json, key);
    return found.is_object() ? found : detail::emptyObject();
  }
  const Json& member(const char* key) const { return detail::memberOf(payload(), key); }
  std::string idOf(const char* message) const {
    return detail::stringOf(detail::memberOf(member(message), "id"));
  }

  Json parsedBody() const {
    std::optional<Json> parsed = parseJson(detail::textOf(event_.body));
    if (!parsed || !parsed->is_object())
      throw Error("the event's body is not a readable JSON object");
    return std::move(*parsed);
  }

  const modhost_event event_;
  mutable std::mutex parsing_;
  mutable std::optional<Json> body_;  // guarded by parsing_; never changes once set
};

}  // namespace modhost
