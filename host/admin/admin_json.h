// How the admin port reads and writes JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "host/admin/admin_router.h"
#include "host/base/result.h"

namespace modhost::host {

// One line; bytes that are no UTF-8 are replaced.
AdminReply jsonReply(int status, const nlohmann::json& json);

// {"error": text}: what was found and what is accepted.
AdminReply problem(int status, const std::string& text);

// What a POST says; an empty body is an empty object. kInvalid: what was found and what is accepted.
Result<nlohmann::json> bodyObject(const std::string& body);

}  // namespace modhost::host
