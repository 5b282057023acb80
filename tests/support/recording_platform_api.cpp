// The endpoints of RecordingPlatform, over plain vectors of rows.
#include <string>
#include <utility>

#include "tests/support/recording_platform.h"

namespace modhost::host {
namespace {

using nlohmann::json;

// Form decoding, as the platform's client encodes ids.
std::string decoded(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::string textOf(const json& body, const char* member) {
  const auto found = body.is_object() ? body.find(member) : body.end();
  return found != body.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

RecordingPlatform::Reply RecordingPlatform::handle(const RecordedCall& call) {
  const std::string& path = call.path;
  const auto is = [&](const char* method, const char* fixed) {
    return call.method == method && path == fixed;
  };
  const auto idAfter = [&](const char* method, const std::string& prefix) {
    const bool fits = call.method == method && path.starts_with(prefix) &&
                      path.find('/', prefix.size()) == std::string::npos;
    return fits ? decoded(path.substr(prefix.size())) : "";
  };
  MutexLock lock(mutex_);
  if (is("POST", "/message-log")) return createRow(call);
  if (is("POST", "/search/search")) return {200, json(search_results_).dump()};
  if (is("POST", "/search/search-string")) {
    return {200, json{{"searchString", textOf(call.json, "prompt")}}.dump()};
  }
  if (is("POST", "/openai/chat/completions")) return complete(call.json);
  if (path.starts_with("/integrated/chat/stream-") && call.method == "POST") {
    return stream(call.json);
  }
  if (is("POST", "/messages")) return createMessage(call.json);
  if (is("GET", "/messages")) return listMessages(call.query);
  if (const auto id = idAfter("PATCH", "/message-log/"); !id.empty()) {
    return patchRow(id, call.json);
  }
  if (const auto id = idAfter("PATCH", "/messages/"); !id.empty()) {
    return patchMessage(id, call.json);
  }
  if (const auto id = idAfter("GET", "/messages/"); !id.empty()) return getMessage(id);
  if (call.method == "POST" && path.starts_with("/messages/") && path.ends_with("/event")) {
    return {200, call.json.dump()};
  }
  return {404, R"({"error":"Not Found"})"};
}

namespace {

json rowJson(const MessageLogRow& row) {
  return {{"id", row.id},
          {"messageId", row.message_id},
          {"status", row.statuses.empty() ? "" : row.statuses.back()},
          {"text", row.text},
          {"order", row.order},
          {"details", nullptr},
          {"references", json::array()}};
}

json messageJson(const MessageRow& row) {
  return {{"id", row.id},        {"chatId", row.chat_id},
          {"text", row.text},    {"userAbortedAt", row.user_aborted_at},
          {"role", "ASSISTANT"}, {"object", "message"}};
}

void apply(const json& body, MessageLogRow& row) {
  if (body.contains("text")) row.text = textOf(body, "text");
  if (body.contains("status")) row.statuses.push_back(textOf(body, "status"));
}

}  // namespace

RecordingPlatform::Reply RecordingPlatform::createRow(const RecordedCall& call) {
  if (textOf(call.json, "messageId").empty()) return {400, R"({"error":"messageId is missing"})"};
  MessageLogRow row;
  row.id = "log_" + std::to_string(rows_.size() + 1);
  row.message_id = textOf(call.json, "messageId");
  row.order = call.json.value("order", std::int64_t{0});
  apply(call.json, row);
  row_by_id_[row.id] = rows_.size();
  rows_.push_back(row);
  return {201, rowJson(row).dump()};
}

RecordingPlatform::Reply RecordingPlatform::patchRow(const std::string& id, const json& body) {
  const auto found = row_by_id_.find(id);
  if (found == row_by_id_.end()) return {404, R"({"error":"no such message log"})"};
  if (!body.is_object()) return {400, R"({"error":"no object"})"};
  MessageLogRow& row = rows_[found->second];
  apply(body, row);
  return {200, rowJson(row).dump()};
}

// Every message exists: the bubble an event speaks of was made by the chat itself.
MessageRow& RecordingPlatform::messageRow(const std::string& id) {
  const auto [place, is_new] = message_by_id_.try_emplace(id, messages_.size());
  if (is_new) messages_.push_back({id, "", nullptr, {}, nullptr});
  return messages_[place->second];
}

void RecordingPlatform::pressStop(const std::string& message_id) {
  MutexLock lock(mutex_);
  messageRow(message_id).user_aborted_at = "2026-01-01T00:00:03.000Z";
}

RecordingPlatform::Reply RecordingPlatform::createMessage(const json& body) {
  MessageRow& row = messageRow("msg_new_" + std::to_string(messages_.size() + 1));
  row.chat_id = textOf(body, "chatId");
  if (body.is_object() && body.contains("text")) row.text = body["text"];
  return {201, messageJson(row).dump()};
}

RecordingPlatform::Reply RecordingPlatform::patchMessage(const std::string& id, const json& body) {
  if (!body.is_object()) return {400, R"({"error":"no object"})"};
  MessageRow& row = messageRow(id);
  row.chat_id = textOf(body, "chatId");
  if (body.contains("text")) row.text = body["text"];
  row.patches.push_back(body);
  return {200, messageJson(row).dump()};
}

RecordingPlatform::Reply RecordingPlatform::getMessage(const std::string& id) {
  return {200, messageJson(messageRow(id)).dump()};
}

RecordingPlatform::Reply RecordingPlatform::listMessages(const std::string& query) {
  const std::string chat = query.starts_with("chatId=") ? decoded(query.substr(7)) : "";
  json data = json::array();
  for (const MessageRow& row : messages_) {
    if (row.chat_id == chat) data.push_back(messageJson(row));
  }
  return {200, json{{"object", "list"}, {"data", data}, {"has_more", false}}.dump()};
}

RecordingPlatform::Reply RecordingPlatform::complete(const json& body) {
  const json message = {{"role", "assistant"}, {"content", completion_}};
  const json choice = {{"index", 0}, {"message", message}, {"finish_reason", "stop"}};
  return {200, json{{"model", textOf(body, "model")}, {"choices", json::array({choice})}}.dump()};
}

RecordingPlatform::Reply RecordingPlatform::stream(const json& body) {
  MessageRow& row = messageRow(textOf(body, "assistantMessageId"));
  row.chat_id = textOf(body, "chatId");
  row.text = completion_;
  return {200, json{{"object", "streamResult"}, {"message", messageJson(row)}}.dump()};
}

}  // namespace modhost::host
