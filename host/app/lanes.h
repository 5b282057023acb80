// From the modules and routes of modules.yaml to what dispatch, the runners and ingress take. Pure
// functions.
#pragma once

#include <memory>

#include "host/config/settings.h"
#include "host/dispatch/dispatcher.h"
#include "host/modules/module_runner.h"
#include "host/routes/route_table.h"

namespace modhost::host {

ModuleSettings moduleSettings(const Settings::Module& module);

// Throws StartupError for a call pattern that is none.
Lane makeLane(const Settings::Module& module, std::shared_ptr<ModuleRunner> runner);

std::shared_ptr<const RouteTable> makeRoutes(const Settings& settings);

}  // namespace modhost::host
