// Message logs: the progress lines under an answer in the making. Context::step() is the
// comfortable way.
#pragma once

#include <optional>
#include <string>

#include "modhost/json.h"

namespace modhost {

enum class LogStatus { kRunning = 1, kCompleted, kFailed };

struct CreateMessageLog {
  std::string message_id = {};  // empty: the event's assistant message
  std::string text = {};
  LogStatus status = LogStatus::kRunning;
  int order = 1;  // place in the list, from 1
  Json details = nullptr;
  Json references = nullptr;
  Json uncited_references = nullptr;
};

// What is not set stays as it is.
struct UpdateMessageLog {
  std::string id = {};
  std::optional<std::string> text = {};
  std::optional<LogStatus> status = {};
  std::optional<int> order = {};
  Json details = nullptr;
  Json references = nullptr;  // an empty array clears them
  Json uncited_references = nullptr;
};

struct MessageLog {
  std::string id = {};
  Json raw = {};  // the whole reply
};

namespace detail {

inline const char* wordOf(LogStatus status) {
  switch (status) {
    case LogStatus::kRunning:
      return "RUNNING";
    case LogStatus::kCompleted:
      return "COMPLETED";
    case LogStatus::kFailed:
      break;
  }
  return "FAILED";
}

inline Json toJson(const CreateMessageLog& request) {
  Json json = {{"messageId", request.message_id},
               {"text", request.text},
               {"status", wordOf(request.status)},
               {"order", request.order}};
  putIfSet(json, "details", request.details);
  putIfSet(json, "references", request.references);
  putIfSet(json, "uncitedReferences", request.uncited_references);
  return json;
}

inline Json toJson(const UpdateMessageLog& request) {
  Json json = Json::object();
  putIfSet(json, "text", request.text);
  if (request.status) json["status"] = wordOf(*request.status);
  putIfSet(json, "order", request.order);
  putIfSet(json, "details", request.details);
  putIfSet(json, "references", request.references);
  putIfSet(json, "uncitedReferences", request.uncited_references);
  return json;
}

}  // namespace detail
}  // namespace modhost
