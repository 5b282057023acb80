#include "host/guard/row_json.h"

#include <cstdint>
#include <limits>

#include "host/base/json_depth.h"

namespace modhost::host {

std::optional<nlohmann::json> parseObject(std::string_view text) {
  if (!jsonDepthWithin(text)) return std::nullopt;
  auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (!parsed.is_object()) return std::nullopt;
  return parsed;
}

std::string textMember(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<StepState> stateMember(const nlohmann::json& object) {
  const std::string status = textMember(object, "status");
  if (status == "RUNNING") return StepState::kOpen;
  if (status == "COMPLETED") return StepState::kCompleted;
  if (status == "FAILED") return StepState::kFailed;
  return std::nullopt;
}

const char* closingBody(StepState state) {
  return state == StepState::kCompleted ? R"({"status":"COMPLETED"})" : R"({"status":"FAILED"})";
}

std::optional<StepKey> stepKeyOf(const nlohmann::json& create) {
  StepKey key;
  key.message_id = textMember(create, "messageId");
  if (key.message_id.empty()) return std::nullopt;
  const auto order = create.find("order");
  if (order == create.end()) return key;
  if (!order->is_number_integer()) return std::nullopt;
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  if (order->is_number_unsigned() && order->get<std::uint64_t>() > kMax) return std::nullopt;
  key.order = order->get<std::int64_t>();
  return key;
}

bool isSuccess(const PlatformOutcome& outcome) {
  return outcome.reply.ok() && outcome.reply.value().status / 100 == 2;
}

std::string messagePath(const Event& event) {
  return "/messages/" + pathSegment(event.assistant_message_id);
}

std::string messageLookPath(const Event& event) {
  return messagePath(event) + "?chatId=" + pathSegment(event.chat_id);
}

std::optional<nlohmann::json> messageIn(const PlatformOutcome& outcome) {
  if (!isSuccess(outcome)) return std::nullopt;
  auto message = parseObject(outcome.reply.value().body);
  if (!message || !message->contains("id")) return std::nullopt;
  return message;
}

bool isAborted(const nlohmann::json& message) {
  const auto found = message.find("userAbortedAt");
  if (found == message.end() || found->is_null()) return false;
  return *found != "" && *found != false;
}

std::string rowId(const PlatformOutcome& outcome) {
  if (!isSuccess(outcome)) return "";
  const auto row = parseObject(outcome.reply.value().body);
  return row ? textMember(*row, "id") : "";
}

}  // namespace modhost::host
