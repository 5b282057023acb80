#include "host/admin/admin_json.h"

#include <nlohmann/json.hpp>

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

}  // namespace modhost::host
