#include "record.h"

#include <modhost/error.h>
#include <modhost/text.h>

#include <chrono>
#include <cstdio>
#include <ctime>

#include "config_schema.h"

namespace message_logger {
namespace {

using modhost::Json;

TextPolicy policyOf(const std::string& word) {
  if (word == "full") return TextPolicy::kFull;
  if (word == "truncated") return TextPolicy::kTruncated;
  if (word == "omitted") return TextPolicy::kOmitted;
  throw modhost::Error("setting text is none of full, truncated, omitted");
}

// RFC 3339 in UTC with milliseconds.
std::string timeText(std::chrono::system_clock::time_point time) {
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char date[32], text[48];
  std::strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text, sizeof(text), "%s.%03dZ", date, static_cast<int>(ms % 1000));
  return text;
}

}  // namespace

Settings settingsOf(const Json& config) {
  Json values = Json::object();
  const Json schema = Json::parse(kConfigSchema);
  for (const auto& property : schema.at("properties").items()) {
    values[property.key()] = property.value().at("default");
  }
  values.update(config);

  Settings settings;
  settings.file = values.at("file").get<std::string>();
  settings.text = policyOf(values.at("text"));
  settings.truncate_at = values.at("truncate_at").get<std::size_t>();
  return settings;
}

std::string recordOf(const modhost::Event& event, const Settings& settings) {
  // Member by member: a list in braces would first become arrays of two.
  Json record;
  record["time"] = timeText(event.receivedAt());
  record["eventId"] = event.id();
  record["type"] = event.type();
  record["userId"] = event.userId();
  record["companyId"] = event.companyId();
  record["chatId"] = event.chatId();
  record["assistantId"] = event.assistantId();
  if (settings.text == TextPolicy::kOmitted) return modhost::dumpJson(record);

  const std::string text = event.userText();
  const std::size_t code_points =
      settings.text == TextPolicy::kFull ? text.size() : settings.truncate_at;
  const std::string_view kept = modhost::firstCodePoints(text, code_points);
  record["text"] = kept;
  if (kept.size() < text.size()) record["textTruncated"] = true;
  return modhost::dumpJson(record);
}

}  // namespace message_logger
