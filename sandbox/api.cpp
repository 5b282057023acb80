// Dispatch first, then the handlers in the order a module usually calls them. What the platform
// accepts and the sandbox has no use for (language, reranker, metaDataFilter, scopeIds) is ignored;
// docs/sandbox.md lists it.
#include "sandbox/api.h"

#include <algorithm>

#include "host/base/time_text.h"
#include "sandbox/members.h"

namespace modhost::sandbox {
namespace {

// The platform's own limits (Unique SDK, search).
constexpr std::int64_t kSearchLimitDefault = 20;
constexpr std::int64_t kSearchLimitMax = 1000;
constexpr std::int64_t kSearchPageMax = 10'000;

const std::vector<Member>& messageMembers() {
  using Type = Member::Type;
  static const std::vector<Member> kMembers = {{"text", Type::kText},
                                               {"originalText", Type::kText},
                                               {"references", Type::kArray},
                                               {"gptRequest", Type::kObject},
                                               {"debugInfo", Type::kObject},
                                               {"startedStreamingAt", Type::kText},
                                               {"completedAt", Type::kText},
                                               {"stoppedStreamingAt", Type::kText},
                                               {"segmentKind", Type::kText},
                                               {"responseTurnId", Type::kText},
                                               {"segmentIndex", Type::kInteger},
                                               {"correlation", Type::kObject}};
  return kMembers;
}

const std::vector<Member>& logMembers() {
  using Type = Member::Type;
  static const std::vector<Member> kMembers = {{"text", Type::kText},
                                               {"status", Type::kText},
                                               {"order", Type::kInteger},
                                               {"details", Type::kObject},
                                               {"uncitedReferences", Type::kObject},
                                               {"references", Type::kArray}};
  return kMembers;
}

// What a log shows can be changed but not taken away.
Json logChanges(const Json& body) {
  Json changes = copyMembers(body, logMembers());
  for (const char* name : {"text", "status", "order"}) {
    const auto found = changes.find(name);
    if (found != changes.end() && found->is_null())
      throw Refusal(400, std::string(name) + " is null");
  }
  if (changes.contains("status")) {
    requireOneOf("status", changes.at("status"), {"RUNNING", "COMPLETED", "FAILED"});
  }
  optionalInteger(changes, "order", 0, 0, 1'000'000'000);
  return changes;
}

Json resultOf(const Passage& passage) {
  const std::string changed_at = host::isoTime(passage.changed_at);
  return {{"id", passage.content_id},
          {"chunkId", passage.chunk_id},
          {"key", passage.key},
          {"title", passage.title},
          {"text", passage.text},
          {"url", nullptr},  // as for everything that lives on the platform itself
          {"order", passage.order},
          {"startPage", -1},
          {"endPage", -1},
          {"metadata", {{"key", passage.key}, {"title", passage.title}}},
          {"createdAt", changed_at},
          {"updatedAt", changed_at},
          {"score", passage.score},
          {"object", "search.search"}};
}

bool samePath(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  return std::equal(
      pattern.begin(), pattern.end(), path.begin(), path.end(),
      [](const std::string& a, const std::string& b) { return a == "{id}" || a == b; });
}

// A missing user is accepted for completions only, as on the platform.
Tenant tenantOf(const Request& request, bool user_required) {
  const std::string authorization = request.header("authorization");
  if (!authorization.starts_with("Bearer ") || authorization.size() == 7) {
    throw Refusal(401, "the Authorization header has to be Bearer and a key");
  }
  for (const char* name : {"x-app-id", "x-company-id", "x-user-id"}) {
    const bool required = user_required || std::string_view(name) != "x-user-id";
    if (required && request.header(name).empty()) {
      throw Refusal(401, std::string("the header ") + name + " is missing");
    }
  }
  return {request.header("x-user-id"), request.header("x-company-id")};
}

Json found(std::optional<Json> object, const char* what) {
  if (!object) throw Refusal(404, std::string("no such ") + what);
  return *std::move(object);
}

std::string chatParameter(const Request& request) {
  std::string chat_id = request.parameter("chatId");
  if (chat_id.empty()) throw Refusal(400, "the query has to name chatId");
  return chat_id;
}

Json completionRequest(const Request& request) {
  Json body = bodyObject(request);
  optionalText(body, "model");
  optionalNumber(body, "temperature", 0);
  if (optionalFlag(body, "stream")) throw Refusal(400, "stream is not supported; leave it out");
  const Json messages = body.value("messages", Json());
  const bool objects =
      messages.is_array() &&
      std::all_of(messages.begin(), messages.end(), [](const Json& m) { return m.is_object(); });
  if (!objects || messages.empty()) {
    throw Refusal(400, "messages has to be a non-empty array of objects");
  }
  return body;
}

}  // namespace

std::string apiPath(const std::string& path) {
  const bool prefixed = path.starts_with(kApiPrefix) && path.size() > kApiPrefix.size() &&
                        path[kApiPrefix.size()] == '/';
  return prefixed ? path.substr(kApiPrefix.size()) : path;
}

Response Api::handle(const Request& request) {
  try {
    return dispatch(request);
  } catch (const Refusal& refusal) {
    return errorResponse(refusal.status, refusal.what());
  }
}

Response Api::dispatch(const Request& request) {
  static constexpr Route kRoutes[] = {
      {"POST", "/search/search", &Api::search},
      {"POST", "/openai/chat/completions", &Api::complete},
      {"POST", "/message-log", &Api::createLog},
      {"PATCH", "/message-log/{id}", &Api::patchLog},
      {"GET", "/messages", &Api::listMessages},
      {"POST", "/messages", &Api::createMessage},
      {"GET", "/messages/{id}", &Api::getMessage},
      {"PATCH", "/messages/{id}", &Api::patchMessage},
      {"DELETE", "/messages/{id}", &Api::removeMessage},
      {"POST", "/messages/{id}/event", &Api::messageEvent},
  };
  const std::vector<std::string> path = pathSegments(apiPath(request.path));
  bool path_known = false;
  for (const Route& route : kRoutes) {
    if (!samePath(pathSegments(route.path), path)) continue;
    path_known = true;
    if (request.method != route.method) continue;
    const bool user_required = route.handler != &Api::complete;
    const Call call{request, tenantOf(request, user_required), path.size() > 1 ? path[1] : ""};
    return (this->*route.handler)(call);
  }
  if (path_known) throw Refusal(405, "this path does not take the method " + request.method);
  throw Refusal(404, "the sandbox does not serve this path");
}

Response Api::search(const Call& call) {
  const Json body = bodyObject(call.request);
  SearchRequest request;
  request.text = requiredText(body, "searchString");
  requireOneOf("searchType", requiredText(body, "searchType"),
               {"VECTOR", "COMBINED", "FULL_TEXT", "POSTGRES_FULL_TEXT"});
  request.limit = static_cast<std::size_t>(
      optionalInteger(body, "limit", kSearchLimitDefault, 1, kSearchLimitMax));
  request.page = static_cast<std::size_t>(optionalInteger(body, "page", 1, 1, kSearchPageMax));
  request.score_min = optionalNumber(body, "scoreThreshold", 0);
  request.content_ids = optionalTexts(body, "contentIds");
  Json results = Json::array();
  // chatOnly asks for files uploaded to the chat, of which the sandbox has none.
  if (optionalFlag(body, "chatOnly")) return jsonResponse(results);
  for (const Passage& passage : documents_.search(request)) results.push_back(resultOf(passage));
  return jsonResponse(results);
}

Response Api::complete(const Call& call) {
  return completion_.complete(completionRequest(call.request));
}

Response Api::createLog(const Call& call) {
  const Json body = bodyObject(call.request);
  requiredText(body, "text");
  requiredText(body, "status");
  if (!body.contains("order")) throw Refusal(400, "order has to be an integer");
  Json members = logChanges(body);
  members["messageId"] = requiredText(body, "messageId");
  return jsonResponse(found(chats_.createLog(call.tenant, members), "message"), 201);
}

Response Api::patchLog(const Call& call) {
  const Json changes = logChanges(bodyObject(call.request));
  return jsonResponse(found(chats_.patchLog(call.tenant, call.id, changes), "message log"));
}

Response Api::listMessages(const Call& call) {
  const Json data = found(chats_.messages(call.tenant, chatParameter(call.request)), "chat");
  return jsonResponse(
      {{"object", "list"}, {"data", data}, {"has_more", false}, {"url", "/messages"}});
}

Response Api::createMessage(const Call& call) {
  const Json body = bodyObject(call.request);
  requireOneOf("role", requiredText(body, "role"), {"ASSISTANT"});
  Json members = copyMembers(body, messageMembers());
  members["role"] = "ASSISTANT";
  members["chatId"] = requiredText(body, "chatId");
  members["assistantId"] = requiredText(body, "assistantId");
  return jsonResponse(found(chats_.createMessage(call.tenant, members), "chat"), 201);
}

Response Api::getMessage(const Call& call) {
  const std::string chat_id = chatParameter(call.request);
  return jsonResponse(found(chats_.message(call.tenant, chat_id, call.id), "message"));
}

Response Api::patchMessage(const Call& call) {
  const Json body = bodyObject(call.request);
  const Json changes = copyMembers(body, messageMembers());
  const std::string chat_id = requiredText(body, "chatId");
  return jsonResponse(
      found(chats_.patchMessage(call.tenant, chat_id, call.id, changes), "message"));
}

Response Api::removeMessage(const Call& call) {
  const std::string chat_id = chatParameter(call.request);
  return jsonResponse(found(chats_.removeMessage(call.tenant, chat_id, call.id), "message"));
}

Response Api::messageEvent(const Call& call) {
  const Json body = bodyObject(call.request);
  const std::string chat_id = requiredText(body, "chatId");
  const std::string text = optionalText(body, "text");
  if (!chats_.pushText(call.tenant, chat_id, call.id, text)) throw Refusal(404, "no such message");
  return jsonResponse(found(chats_.message(call.tenant, chat_id, call.id), "message"));
}

}  // namespace modhost::sandbox
