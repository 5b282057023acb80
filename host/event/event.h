// The noun that travels: one webhook event, verified, with the few envelope members the host itself
// needs. Everything else stays in `body`, byte for byte as it was signed, for the modules.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/base/result.h"
#include "host/base/trace_context.h"

namespace modhost::host {

// Derived from `body` and the moment of receipt; what is read back from the inbox is parsed again,
// so the two can never disagree. Only the trace came beside the body.
struct Event {
  std::string id;          // body `id`, else "sha256:" + hex of the body's hash
  std::string type;        // body `event`, e.g. "unique.chat.external-module.chosen"
  std::string user_id;     // body `userId`
  std::string company_id;  // body `companyId`
  std::string chat_id;     // payload.chatId, else .chatid, else .chat_id; empty when there is none
  std::string
      assistant_message_id;  // payload.assistantMessage.id: the waiting bubble; empty when none
  std::string body;          // raw bytes
  WallTime received_at{};    // when ingress had the whole body
  std::string traceparent;  // the sender's, if it sent a valid one; not signed, so for finding only
};

// The sender's trace, else one that is made of the event's id: the same after a restart.
TraceContext traceOf(const Event& event);

// What the user wrote: payload.userMessage.text, else payload.text; empty when there is none. Parses
// the body.
std::string questionText(const Event& event);

// What every log line about the event begins with: event, trace_id.
LogFields aboutEvent(const Event& event);

using EventPtr = std::shared_ptr<const Event>;

struct ParsedEvent {
  EventPtr event;
  // Body `createdAt`, Unix seconds as an integer or a string of digits; nullopt for anything else.
  std::optional<std::int64_t> created_at;
};

// Parses a verified body, which moves into the event; on error it stays where it was, so that it
// can be kept as a dead letter. Of a key that stands twice, the last counts. No exception of the
// parser leaves it.
//
// kInvalid: not UTF-8, not a JSON object, nested deeper than kJsonDepthMax, or without the strings
// `event`, `userId`, `companyId` (free of control bytes: they become headers). The message is one
// of a few fixed words and never quotes the body.
// `traceparent` is kept as it is.
Result<ParsedEvent> parseEvent(std::string&& body, WallTime received_at,
                               std::string traceparent = {});
inline Result<ParsedEvent> parseEvent(const std::string& body, WallTime received_at,
                                      std::string traceparent = {}) {
  return parseEvent(std::string(body), received_at, std::move(traceparent));
}

// What a body that parseEvent() refused is kept as: its bytes under bodyId(), nothing else.
Event unreadableEvent(std::string body, WallTime received_at);

// The whole body, for who needs more of it than its envelope. Only of an event from parseEvent().
nlohmann::json documentOf(const Event& event);

// The id of a body that names none, or that can not be read: "sha256:…".
std::string bodyId(std::string_view body);

}  // namespace modhost::host
