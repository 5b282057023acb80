// ModuleSet: the modules of one configuration, started side by side.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/config/settings.h"
#include "host/dispatch/dispatcher.h"
#include "host/modules/module_runner.h"
#include "host/modules/runner_factory.h"
#include "host/routes/route_table.h"

namespace modhost::host {

// Starts every configured module and makes dispatch's lanes of them. Throws StartupError naming the
// place in the configuration or the module's path; those already started are stopped again.
std::vector<Lane> startModules(const Settings& settings, Metrics& metrics, Clock& clock);

// Starts each module for a moment and stops it again; in a worker process where it allows that, so
// that nothing it does can reach the caller. Throws as startModules().
void checkModules(const Settings& settings);

std::shared_ptr<const RouteTable> makeRoutes(const Settings& settings);

}  // namespace modhost::host
