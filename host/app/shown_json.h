// What the admin API shows of parts that the admin folder does not know. Pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "host/admin/admin_router.h"
#include "host/dispatch/recent_attempts.h"
#include "host/guard/recent_calls.h"
#include "host/routes/route_table.h"

namespace modhost::host {

// [{"event": …, "when": {"payload.name": [...]}, "to": [...]}] in the order of the file.
nlohmann::json routesJson(const RouteTable& table);

// GET /api/v1/attempts; `request` may say `after`. 400 when that is no number.
AdminReply attemptsReply(const RecentAttempts& recent, const AdminRequest& request, WallTime now);

// The `calls` of an event's story.
nlohmann::json callsJson(const std::vector<RecentCall>& calls);

}  // namespace modhost::host
