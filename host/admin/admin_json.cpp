#include "host/admin/admin_json.h"

#include <nlohmann/json.hpp>

#include "host/base/json_depth.h"

namespace modhost::host {

using Json = nlohmann::json;

AdminReply jsonReply(int status, const Json& json) {
  AdminReply reply;
  reply.status = status;
  reply.text = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return reply;
}

AdminReply problem(int status, const std::string& text) {
  return jsonReply(status, {{"error", text}});
}

Result<Json> bodyObject(const std::string& body) {
  const auto invalid = [](const char* text) { return Error{ErrorKind::kInvalid, text}; };
  if (body.empty()) return Json(Json::object());
  if (!jsonDepthWithin(body)) return invalid("the body nests too deep; accepted: one JSON object");
  Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return invalid("the body is no JSON object; accepted: {\"module\": …}");
  return json;
}

}  // namespace modhost::host
