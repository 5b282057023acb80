#include "sandbox/desk.h"

#include <charconv>

#include "sandbox/members.h"
#include "sandbox/page.h"
#include "sandbox/text.h"

namespace modhost::sandbox {
namespace {

// The page talks to this server only and runs no script but its own.
constexpr const char* kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

Response pageFile(const char* content_type, std::string_view text) {
  Response response;
  response.content_type = content_type;
  response.body = text;
  response.headers = {{"Content-Security-Policy", kPagePolicy},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Cache-Control", "no-store"}};
  return response;
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
  return path == "/" || path == "/page.css" || path == "/page.js" || path.starts_with("/sandbox/");
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
  if (request.path == "/sandbox/ask") {
    if (request.method != "POST") throw Refusal(405, "ask with POST");
    return ask(request);
  }
  if (request.method != "GET") throw Refusal(405, "read with GET");
  if (request.path == "/") return pageFile("text/html; charset=utf-8", kPageHtml);
  if (request.path == "/page.css") return pageFile("text/css; charset=utf-8", kPageCss);
  if (request.path == "/page.js") return pageFile("text/javascript; charset=utf-8", kPageJs);
  if (request.path == "/sandbox/status") return status();
  if (path.size() == 3 && path[1] == "chats") return watch(request, path[2]);
  throw Refusal(404, "the sandbox does not serve this path");
}

// Another site's page in the same browser can post forms here, but not JSON: for that the browser
// would ask first, and is not answered.
Response Desk::ask(const Request& request) {
  if (!request.header("content-type").starts_with("application/json")) {
    throw Refusal(415, "the Content-Type has to be application/json");
  }
  const Json body = bodyObject(request);
  const std::string text = requiredText(body, "text");
  if (text.size() > kQuestionBytesMax) throw Refusal(413, "text is over 100000 bytes");
  if (trimmed(text).empty()) throw Refusal(400, "text is blank");
  if (deliverer_ == nullptr) throw Refusal(503, "the sandbox was started with --webhook none");
  const std::optional<Question> question =
      chats_.ask(settings_.tenant, optionalText(body, "chatId"), settings_.assistant_id, text);
  if (!question) throw Refusal(404, "no such chat");
  const host::WallTime now = clock_.wallNow();
  const WebhookEvent created = userMessageCreated(*question, settings_.tenant, now);
  const WebhookEvent chosen =
      externalModuleChosen(*question, settings_.tenant, settings_.module, now);
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

Response Desk::status() {
  return jsonResponse({{"version", MODHOST_VERSION},
                       {"module", settings_.module},
                       {"documents", documents_.documentCount()},
                       {"passages", documents_.passageCount()}});
}

}  // namespace modhost::sandbox
