#include "host/event/event.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "host/base/crypto.h"
#include "host/base/json_depth.h"

namespace modhost::host {

namespace {

using Json = nlohmann::json;

// An id is an index key and stands in log lines and file names of modules: what is longer, or not
// plain text, is not taken at its word.
constexpr std::size_t kIdBytesMax = 512;

Error invalid(std::string_view why) { return {ErrorKind::kInvalid, std::string(why)}; }

bool isControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool hasControlBytes(std::string_view text) {
  return std::any_of(text.begin(), text.end(), isControl);
}

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

// Empty for a member that is missing or no string.
std::string stringMember(const Json& object, const char* key) {
  const Json* found = member(object, key);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

// The library's own message quotes the text it choked on, so it is read here and never passed on.
Result<Json> parseJson(std::string_view text) {
  // The library takes a NUL byte for the end of the text, whatever follows it.
  if (text.find('\0') != std::string_view::npos) return invalid("not JSON");
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    const bool encoding = std::string_view(error.what()).find("UTF-8") != std::string_view::npos;
    return invalid(encoding ? "not UTF-8" : "not JSON");
  }
}

// These become HTTP headers of platform calls, where a line break would forge another header.
Result<std::string> requiredString(const Json& document, const char* key) {
  const Json* found = member(document, key);
  if (found == nullptr || !found->is_string()) return invalid("no string " + std::string(key));
  if (hasControlBytes(found->get_ref<const std::string&>())) {
    return invalid("control bytes in " + std::string(key));
  }
  return found->get<std::string>();
}

bool usableId(std::string_view id) {
  return !id.empty() && id.size() <= kIdBytesMax && !hasControlBytes(id);
}

// The platform's documents, its samples and its toolkit spell it in three ways.
std::string chatId(const Json& payload) {
  for (const char* key : {"chatId", "chatid", "chat_id"}) {
    if (std::string id = stringMember(payload, key); !id.empty()) return id;
  }
  return {};
}

std::optional<std::int64_t> fitting(std::uint64_t number) {
  const bool fits = number <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  return fits ? std::optional(static_cast<std::int64_t>(number)) : std::nullopt;
}

void readPayload(const Json& payload, Event& event) {
  event.chat_id = chatId(payload);
  if (const Json* message = member(payload, "assistantMessage")) {
    event.assistant_message_id = stringMember(*message, "id");
  }
}

Result<void> readEnvelope(const Json& document, Event& event) {
  if (!document.is_object()) return invalid("not an object");
  const std::pair<const char*, std::string Event::*> required[] = {
      {"event", &Event::type}, {"userId", &Event::user_id}, {"companyId", &Event::company_id}};
  for (const auto& [key, field] : required) {
    Result<std::string> text = requiredString(document, key);
    if (!text) return text.takeError();
    event.*field = text.take();
  }
  event.id = stringMember(document, "id");
  if (const Json* payload = member(document, "payload")) readPayload(*payload, event);
  return {};
}

}  // namespace

Result<ParsedEvent> parseEvent(std::string&& body, WallTime received_at) {
  if (!jsonDepthWithin(body)) return invalid("nested too deep");
  Result<Json> document = parseJson(body);
  if (!document) return document.takeError();
  auto event = std::make_shared<Event>();
  if (Result<void> read = readEnvelope(document.value(), *event); !read) return read.takeError();
  if (!usableId(event->id)) event->id = bodyId(body);
  event->body = std::move(body);
  event->received_at = received_at;
  return ParsedEvent{std::move(event), std::make_shared<const Json>(document.take())};
}

Event unreadableEvent(std::string body, WallTime received_at) {
  Event event;
  event.id = bodyId(body);
  event.body = std::move(body);
  event.received_at = received_at;
  return event;
}

std::optional<std::int64_t> createdAtSeconds(const Json& document) {
  const Json* found = member(document, "createdAt");
  if (found == nullptr) return std::nullopt;
  // An unsigned one is any that does not begin with a minus, so it may be too large.
  if (found->is_number_unsigned()) return fitting(found->get<std::uint64_t>());
  if (found->is_number_integer()) return found->get<std::int64_t>();
  const std::string text = stringMember(document, "createdAt");
  if (text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(seconds) : std::nullopt;
}

std::string bodyId(std::string_view body) { return "sha256:" + hex(sha256(body)); }

}  // namespace modhost::host
