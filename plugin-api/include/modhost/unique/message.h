// Messages of a chat. An id left empty is the event's: its chat, its assistant message, its
// assistant.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modhost/json.h"

namespace modhost {

// What can be changed in a message; what is not set stays as it is. Times are ISO 8601 in UTC with
// milliseconds and Z.
struct ModifyMessage {
  std::string message_id = {};
  std::string chat_id = {};
  std::optional<std::string> text = {};
  std::optional<std::string> original_text = {};
  Json references = nullptr;  // an empty array clears them
  Json debug_info = nullptr;  // shown on the user's message only
  std::optional<std::string> started_streaming_at = {};
  std::optional<std::string> stopped_streaming_at = {};
  std::optional<std::string> completed_at = {};
};

struct CreateMessage {
  std::string chat_id = {};
  std::string assistant_id = {};
  std::string role = "ASSISTANT";
  std::optional<std::string> text = {};
  Json references = nullptr;
  Json debug_info = nullptr;
  std::optional<std::string> completed_at = {};
};

struct GetMessage {
  std::string message_id = {};
  std::string chat_id = {};
};

struct ListMessages {
  std::string chat_id = {};
};

struct Message {
  std::string id = {}, chat_id = {};
  std::string role = {};                 // "USER", "ASSISTANT", "SYSTEM"
  std::optional<std::string> text = {};  // nullopt: none, or null
  bool aborted_by_user = false;          // the user pressed stop
  Json raw = {};                         // the whole message
};

namespace detail {

inline Json toJson(const ModifyMessage& request) {
  Json json = {{"chatId", request.chat_id}};
  putIfSet(json, "text", request.text);
  putIfSet(json, "originalText", request.original_text);
  putIfSet(json, "references", request.references);
  putIfSet(json, "debugInfo", request.debug_info);
  putIfSet(json, "startedStreamingAt", request.started_streaming_at);
  putIfSet(json, "stoppedStreamingAt", request.stopped_streaming_at);
  putIfSet(json, "completedAt", request.completed_at);
  return json;
}

inline Json toJson(const CreateMessage& request) {
  Json json = {
      {"chatId", request.chat_id}, {"assistantId", request.assistant_id}, {"role", request.role}};
  putIfSet(json, "text", request.text);
  putIfSet(json, "references", request.references);
  putIfSet(json, "debugInfo", request.debug_info);
  putIfSet(json, "completedAt", request.completed_at);
  return json;
}

inline Message message(Json&& json) {
  Message message;
  message.id = stringOf(memberOf(json, "id"));
  message.chat_id = stringOf(memberOf(json, "chatId"));
  message.role = stringOf(memberOf(json, "role"));
  const Json& text = memberOf(json, "text");
  if (text.is_string()) message.text = text.get<std::string>();
  message.aborted_by_user = !memberOf(json, "userAbortedAt").is_null();
  message.raw = std::move(json);
  return message;
}

}  // namespace detail
}  // namespace modhost
