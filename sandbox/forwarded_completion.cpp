#include "host/base/json_depth.h"
#include "host/base/log.h"
#include "sandbox/completion.h"
#include "sandbox/outgoing.h"

namespace modhost::sandbox {
namespace {

constexpr std::string_view kPath = "/chat/completions";

std::string completionsUrl(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url.ends_with(kPath) ? url : url + std::string(kPath);
}

// The platform keeps tools, temperature and the like under `options`; OpenAI's API has them at the
// top.
Json openAiRequest(const Json& request, const std::string& model) {
  Json body = request;
  if (const Json options = request.value("options", Json()); options.is_object()) {
    body.update(options);
  }
  body.erase("options");
  body.erase("timeout");
  if (!model.empty()) body["model"] = model;
  return body;
}

bool isCompletion(const std::string& text) {
  if (!host::jsonDepthWithin(text)) return false;
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_object() && json.value("choices", Json()).is_array();
}

Response upstreamError(const std::string& why) {
  host::logWarn("sandbox", "the language model gave no answer", {{"why", why}});
  return errorResponse(502, "the language model gave no answer: " + why);
}

}  // namespace

ForwardedCompletion::ForwardedCompletion(LanguageModel model, const StopSignal& stop)
    : model_(std::move(model)), stop_(stop) {
  model_.url = completionsUrl(model_.url);
}

Response ForwardedCompletion::complete(const Json& request) {
  std::vector<std::string> headers = {"Content-Type: application/json"};
  if (!model_.key.empty()) headers.push_back("Authorization: Bearer " + model_.key);
  HttpClient client(stop_);
  const OutgoingReply reply =
      client.post(model_.url, headers, openAiRequest(request, model_.model).dump(), model_.timeout);
  if (reply.status == 0) return upstreamError(reply.error);
  if (reply.status == 429) return errorResponse(429, "the language model answered 429");
  if (reply.status != 200) return upstreamError("status " + std::to_string(reply.status));
  if (!isCompletion(reply.body)) return upstreamError("its reply is no chat completion");
  Response response;
  response.body = reply.body;
  return response;
}

}  // namespace modhost::sandbox
