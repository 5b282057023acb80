#include "sandbox/desk.h"

#include <algorithm>
#include <charconv>

#include "sandbox/members.h"
#include "sandbox/page.h"
#include "sandbox/text.h"

namespace modhost::sandbox {
namespace {

// The page talks to this server only, runs no script but its own, and never turns text into
// markup.
constexpr const char* kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

constexpr std::size_t kTitlesShown = 4;

Response pageFile(const PageFile& file) {
  Response response;
  response.content_type = file.content_type;
  response.body = file.bytes;
  response.headers = {{"Content-Security-Policy", kPagePolicy},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cache-Control", "no-store"}};
  return response;
}

// The passage without its text: enough to name it and to open it.
Json placeOf(const Passage& passage) {
  return {{"contentId", passage.content_id},
          {"chunkId", passage.chunk_id},
          {"key", passage.key},
          {"title", passage.title},
          {"order", passage.order}};
}

// Another site's page in the same browser can post forms here, but not JSON: for that the browser
// would ask first, and is not answered.
Json postedJson(const Request& request) {
  if (!request.header("content-type").starts_with("application/json")) {
    throw Refusal(415, "the Content-Type has to be application/json");
  }
  return bodyObject(request);
}

std::int64_t numberParameter(const Request& request, const std::string& name,
                             std::int64_t fallback) {
  const std::string text = request.parameter(name);
  if (text.empty()) return fallback;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Refusal(400, name + " has to be an integer");
  }
  return number;
}

}  // namespace

bool Desk::serves(const std::string& path) {
  return path.starts_with("/sandbox/") || pageFileAt(path) != nullptr;
}

Response Desk::handle(const Request& request) {
  try {
    return dispatch(request);
  } catch (const Refusal& refusal) {
    return errorResponse(refusal.status, refusal.what());
  }
}

Response Desk::dispatch(const Request& request) {
  const std::vector<std::string> path = pathSegments(request.path);
  if (request.method == "POST") return post(request, path);
  if (request.method == "GET") return get(request, path);
  throw Refusal(405, "read with GET, act with POST");
}

Response Desk::post(const Request& request, const std::vector<std::string>& path) {
  if (request.path == "/sandbox/ask") return ask(request);
  if (request.path == "/sandbox/quotes") return quotes(request);
  if (path.size() == 4 && path[1] == "chats" && path[3] == "stop") return stop(request, path[2]);
  throw Refusal(405, "nothing can be posted here");
}

Response Desk::get(const Request& request, const std::vector<std::string>& path) {
  if (const PageFile* file = pageFileAt(request.path)) return pageFile(*file);
  if (request.path == "/sandbox/ask") throw Refusal(405, "ask with POST");
  if (request.path == "/sandbox/status") return status();
  if (request.path == "/sandbox/chats") return jsonResponse(chats_.list(settings_.tenant));
  if (path.size() == 3 && path[1] == "chats") return watch(request, path[2]);
  if (path.size() == 3 && path[1] == "documents") return document(path[2]);
  if (path.size() == 3 && path[1] == "trace") return jsonResponse(trace_.of(path[2]));
  throw Refusal(404, "the sandbox does not serve this path");
}

EventStream Desk::stream(const Request& request) {
  const std::string last = request.header("last-event-id");
  std::int64_t seen = -1;
  std::from_chars(last.data(), last.data() + last.size(), seen);
  EventStream stream(chats_, settings_.tenant, request.parameter("chat"), seen, clock_);
  if (!stream.begins()) throw Refusal(404, "no such chat");
  return stream;
}

Response Desk::ask(const Request& request) {
  const Json body = postedJson(request);
  const std::string text = requiredText(body, "text");
  if (text.size() > kQuestionBytesMax) throw Refusal(413, "text is over 100000 bytes");
  if (trimmed(text).empty()) throw Refusal(400, "text is blank");
  if (deliverer_ == nullptr) throw Refusal(503, "the sandbox was started with --webhook none");
  const std::string module = moduleAskedFor(body);
  const std::optional<Question> question =
      chats_.ask(settings_.tenant, optionalText(body, "chatId"), "assistant_" + module, text);
  if (!question) throw Refusal(404, "no such chat");
  const host::WallTime now = clock_.wallNow();
  const WebhookEvent created = userMessageCreated(*question, settings_.tenant, now);
  const WebhookEvent chosen = externalModuleChosen(*question, settings_.tenant, module, now);
  trace_.asked(settings_.tenant, *question, {created, chosen});
  if (!deliverer_->deliver(question->chat_id, {created, chosen})) {
    throw Refusal(503, "too many webhooks are waiting to be delivered");
  }
  return jsonResponse({{"chatId", question->chat_id},
                       {"userMessageId", question->user_message_id},
                       {"assistantMessageId", question->assistant_message_id},
                       {"eventIds", {created.id, chosen.id}}});
}

Response Desk::watch(const Request& request, const std::string& chat_id) {
  const host::Milliseconds wait(numberParameter(request, "wait", 0));
  const host::SteadyTime deadline =
      clock_.steadyNow() + std::clamp(wait, host::Milliseconds(0), kWatchMax);
  std::optional<Json> view = chats_.view(chat_id, numberParameter(request, "after", -1), deadline);
  if (!view) throw Refusal(404, "no such chat");
  return jsonResponse(*view);
}

std::string Desk::moduleAskedFor(const Json& body) const {
  std::string asked = optionalText(body, "module");
  if (asked.empty()) return settings_.modules.front();
  const auto& known = settings_.modules;
  if (std::find(known.begin(), known.end(), asked) == known.end()) {
    throw Refusal(400, "no such module; the sandbox was started with others (--module)");
  }
  return asked;
}

Response Desk::stop(const Request& request, const std::string& chat_id) {
  const std::string message_id = requiredText(postedJson(request), "messageId");
  const std::optional<Json> message = chats_.stop(settings_.tenant, chat_id, message_id);
  if (!message) throw Refusal(404, "no such answer");
  return jsonResponse(*message);
}

Response Desk::quotes(const Request& request) {
  const std::vector<std::string> quotes = optionalTexts(postedJson(request), "quotes");
  if (quotes.size() > kQuotesMax) throw Refusal(413, "more than 50 quotes");
  Json places = Json::array();
  for (const std::string& quote : quotes) {
    const std::optional<Passage> passage = documents_.quoted(quote);
    places.push_back(passage ? placeOf(*passage) : Json(nullptr));
  }
  return jsonResponse(places);
}

Response Desk::document(const std::string& content_id) {
  const std::vector<Passage> passages = documents_.document(content_id);
  if (passages.empty()) throw Refusal(404, "no such document");
  Json texts = Json::array();
  for (const Passage& passage : passages) {
    texts.push_back({{"chunkId", passage.chunk_id}, {"text", passage.text}});
  }
  return jsonResponse({{"contentId", content_id},
                       {"key", passages.front().key},
                       {"title", passages.front().title},
                       {"passages", texts}});
}

Response Desk::status() {
  return jsonResponse({{"version", MODHOST_VERSION},
                       {"module", settings_.modules.front()},
                       {"modules", settings_.modules},
                       {"webhooks", deliverer_ != nullptr},
                       {"titles", documents_.titles(kTitlesShown)},
                       {"documents", documents_.documentCount()},
                       {"passages", documents_.passageCount()}});
}

}  // namespace modhost::sandbox
