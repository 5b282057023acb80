#include "host/event/event.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "host/base/crypto.h"
#include "host/event/envelope.h"

namespace modhost::host {

namespace {

// An id is an index key and stands in log lines and file names of modules: what is longer, or not
// plain text, is not taken at its word.
constexpr std::size_t kIdBytesMax = 512;

Error invalid(std::string_view why) { return {ErrorKind::kInvalid, std::string(why)}; }

bool isControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool hasControlBytes(std::string_view text) {
  return std::any_of(text.begin(), text.end(), isControl);
}

// These become HTTP headers of platform calls, where a line break would forge another header.
Result<std::string> required(Envelope::Text& text, const char* key) {
  if (!text) return invalid("no string " + std::string(key));
  if (hasControlBytes(*text)) return invalid("control bytes in " + std::string(key));
  return std::move(*text);
}

bool usableId(std::string_view id) {
  return !id.empty() && id.size() <= kIdBytesMax && !hasControlBytes(id);
}

// The platform's documents, its samples and its toolkit spell it in three ways.
std::string chatId(Envelope::Payload& payload) {
  for (Envelope::Text* id : {&payload.chat_id, &payload.chatid, &payload.chat_id_snake}) {
    if (*id && !(*id)->empty()) return std::move(**id);
  }
  return {};
}

Result<void> fill(Event& event, Envelope& envelope) {
  const std::tuple<Envelope::Text&, const char*, std::string&> needed[] = {
      {envelope.event, "event", event.type},
      {envelope.user_id, "userId", event.user_id},
      {envelope.company_id, "companyId", event.company_id}};
  for (const auto& [text, key, field] : needed) {
    Result<std::string> found = required(text, key);
    if (!found) return found.takeError();
    field = found.take();
  }
  event.id = std::move(envelope.id).value_or("");
  event.chat_id = chatId(envelope.payload);
  event.assistant_message_id = std::move(envelope.payload.assistant_message_id).value_or("");
  return {};
}

}  // namespace

Result<ParsedEvent> parseEvent(std::string&& body, WallTime received_at, std::string traceparent) {
  Result<Envelope> envelope = readEnvelope(body);
  if (!envelope) return envelope.takeError();
  auto event = std::make_shared<Event>();
  if (Result<void> filled = fill(*event, envelope.value()); !filled) return filled.takeError();
  if (!usableId(event->id)) event->id = bodyId(body);
  event->body = std::move(body);
  event->received_at = received_at;
  event->traceparent = std::move(traceparent);
  return ParsedEvent{std::move(event), envelope.value().created_at};
}

nlohmann::json documentOf(const Event& event) { return nlohmann::json::parse(event.body); }

TraceContext traceOf(const Event& event) {
  if (auto sent = parseTraceparent(event.traceparent)) return std::move(*sent);
  return traceFrom(event.id);
}

std::string questionText(const Event& event) {
  const nlohmann::json document = documentOf(event);
  const nlohmann::json payload = document.value("payload", nlohmann::json::object());
  if (!payload.is_object()) return {};
  const auto message = payload.find("userMessage");
  const nlohmann::json& holder = message == payload.end() ? payload : *message;
  const auto text = holder.is_object() ? holder.find("text") : holder.end();
  return text != holder.end() && text->is_string() ? text->get<std::string>() : std::string();
}

LogFields aboutEvent(const Event& event) {
  return {{"event", event.id}, {"trace_id", traceOf(event).trace_id}};
}

Event unreadableEvent(std::string body, WallTime received_at) {
  Event event;
  event.id = bodyId(body);
  event.body = std::move(body);
  event.received_at = received_at;
  return event;
}

std::string bodyId(std::string_view body) { return "sha256:" + hex(sha256(body)); }

}  // namespace modhost::host
