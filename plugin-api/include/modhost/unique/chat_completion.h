// Chat completions: one question to a language model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modhost/json.h"

namespace modhost {

struct ChatMessage {
  std::string role =
      {};  // "system", "user", "assistant": lower case, unlike the roles of chat messages
  std::string content = {};
};

struct ChatCompletionRequest {
  std::string model = {};
  std::vector<ChatMessage> messages = {};
  std::optional<double> temperature = {};
  std::optional<int> timeout_ms = {};  // the platform's own wait for the model
  Json options = nullptr;              // tools, toolChoice, …
};

struct ChatCompletion {
  std::string model = {};
  std::optional<std::string> content = {};  // of the first choice; nullopt: it has none, or null
  Json raw = {};                            // the whole reply
};

namespace detail {

inline Json toJson(const ChatCompletionRequest& request) {
  Json messages = Json::array();
  for (const ChatMessage& message : request.messages) {
    messages.push_back({{"role", message.role}, {"content", message.content}});
  }
  Json json = {{"model", request.model}, {"messages", std::move(messages)}};
  putIfSet(json, "temperature", request.temperature);
  putIfSet(json, "timeout", request.timeout_ms);
  putIfSet(json, "options", request.options);
  return json;
}

inline ChatCompletion chatCompletion(Json&& json) {
  ChatCompletion completion;
  completion.model = stringOf(memberOf(json, "model"));
  const Json& choices = memberOf(json, "choices");
  if (choices.is_array() && !choices.empty()) {
    const Json& content = memberOf(memberOf(choices.front(), "message"), "content");
    if (content.is_string()) completion.content = content.get<std::string>();
  }
  completion.raw = std::move(json);
  return completion;
}

}  // namespace detail
}  // namespace modhost
