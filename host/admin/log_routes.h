// The routes about log levels: those in force, and what an operator sets by hand. What is set so lasts
// until the next reload or restart, which sets the configured ones again.
//
//   GET  /api/v1/log-level   the common level and each serving module's, and where each comes from
//   POST /api/v1/log-level   {"level": …} sets one, {"reset": true} takes it back; with "module": that
//                            module's alone. Answers as GET does
#pragma once

#include <functional>
#include <vector>

#include "host/admin/admin_router.h"
#include "host/admin/event_routes.h"

namespace modhost::host {

// `modules`: those serving now; may be empty. The levels themselves are the process's (base/log.h).
void addLogRoutes(AdminRouter& router, std::function<std::vector<AdminModule>()> modules);

}  // namespace modhost::host
