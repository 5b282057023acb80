// A webhook's body, after its signature was found right: any bytes.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/base/assert.h"
#include "host/base/json_depth.h"
#include "host/event/event.h"
#include "tests/fuzz/fuzz_input.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;

const WallTime kReceived{Milliseconds(1'767'225'600'000)};

bool isClean(const std::string& text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

int depthOf(const Json& value) {
  int below = 0;
  if (!value.is_structured()) return 0;
  for (const Json& item : value) below = std::max(below, depthOf(item));
  return below + 1;
}

// What the one pass over the text found, found again in the whole document.
std::string textAt(const Json& document, const std::vector<std::string>& path) {
  const Json* here = &document;
  for (const std::string& step : path) {
    if (!here->is_object() || !here->contains(step)) return {};
    here = &here->at(step);
  }
  return here->is_string() ? here->get<std::string>() : std::string();
}

std::string chatIdIn(const Json& document) {
  for (const char* key : {"chatId", "chatid", "chat_id"}) {
    if (std::string id = textAt(document, {"payload", key}); !id.empty()) return id;
  }
  return {};
}

void checkEnvelope(const Event& event, const Json& document) {
  MODHOST_ASSERT(document.is_object() && depthOf(document) <= kJsonDepthMax);
  MODHOST_ASSERT(document.at("event") == event.type && isClean(event.type));
  MODHOST_ASSERT(document.at("userId") == event.user_id && isClean(event.user_id));
  MODHOST_ASSERT(document.at("companyId") == event.company_id && isClean(event.company_id));
  MODHOST_ASSERT(!event.id.empty() && event.id.size() <= 512 && isClean(event.id));
  MODHOST_ASSERT(event.chat_id == chatIdIn(document));
  MODHOST_ASSERT(event.assistant_message_id ==
                 textAt(document, {"payload", "assistantMessage", "id"}));
  const bool named = document.contains("id") && document.at("id") == event.id;
  MODHOST_ASSERT(named || event.id == bodyId(event.body));
}

// An integer, or its digits as a string; what comes back is that number and no other.
void checkCreatedAt(std::optional<std::int64_t> seconds, const Json& document) {
  if (!seconds) return;
  const Json& member = document.at("createdAt");
  std::string written = member.is_string() ? member.get<std::string>() : member.dump();
  if (member.is_string()) {
    MODHOST_ASSERT(written.find_first_not_of("0123456789") == std::string::npos);
    written.erase(0, std::min(written.find_first_not_of('0'), written.size() - 1));
  }
  MODHOST_ASSERT(std::to_string(*seconds) == written);
}

// What the inbox does after a restart, and what a sender does who writes the same JSON anew.
void checkAgain(const Event& event, const Json& document) {
  const Result<ParsedEvent> again = parseEvent(event.body, kReceived);
  MODHOST_ASSERT(again.ok());
  const Event& other = *again.value().event;
  MODHOST_ASSERT(other.id == event.id && other.type == event.type && other.body == event.body);
  MODHOST_ASSERT(other.user_id == event.user_id && other.company_id == event.company_id);
  MODHOST_ASSERT(other.chat_id == event.chat_id);
  MODHOST_ASSERT(other.assistant_message_id == event.assistant_message_id);

  const Result<ParsedEvent> anew = parseEvent(document.dump(), kReceived);
  MODHOST_ASSERT(anew.ok() && documentOf(*anew.value().event) == document);
  MODHOST_ASSERT(anew.value().event->chat_id == event.chat_id);
}

void checkRefusal(const Error& error, const std::string& body) {
  static const std::set<std::string> kWords = {"nested too deep",     "not JSON",
                                               "not UTF-8",           "not an object",
                                               "no string event",     "control bytes in event",
                                               "no string userId",    "control bytes in userId",
                                               "no string companyId", "control bytes in companyId"};
  MODHOST_ASSERT(error.kind == ErrorKind::kInvalid && kWords.count(error.message) == 1);
  const Event kept = unreadableEvent(body, kReceived);
  MODHOST_ASSERT(kept.body == body && kept.id == bodyId(body) && kept.type.empty());
}

}  // namespace
}  // namespace modhost::host

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace modhost::host;
  const std::string bytes(FuzzInput(data, size).rest());
  std::string body = bytes;
  const Result<ParsedEvent> parsed = parseEvent(std::move(body), kReceived);
  if (!parsed.ok()) {
    MODHOST_ASSERT(body == bytes);  // NOLINT(bugprone-use-after-move): on error it stays
    checkRefusal(parsed.error(), bytes);
    return 0;
  }
  const Event& event = *parsed.value().event;
  MODHOST_ASSERT(event.body == bytes && event.received_at == kReceived);
  const Json document = documentOf(event);
  checkEnvelope(event, document);
  checkCreatedAt(parsed.value().created_at, document);
  checkAgain(event, document);
  return 0;
}
