// How the admin port writes JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "host/admin/admin_router.h"

namespace modhost::host {

// One line; bytes that are no UTF-8 are replaced.
AdminReply jsonReply(int status, const nlohmann::json& json);

// {"error": text}: what was found and what is accepted.
AdminReply problem(int status, const std::string& text);

}  // namespace modhost::host
