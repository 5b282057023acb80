// Wiring: from the Settings of modules.yaml to what each component takes. Pure functions.
#pragma once

#include "host/admin/admin_server.h"
#include "host/base/log.h"
#include "host/config/settings.h"
#include "host/dispatch/dispatcher.h"
#include "host/guard/guard.h"
#include "host/inbox/sqlite_inbox.h"
#include "host/ingress/ingress.h"
#include "host/modules/runner_factory.h"
#include "host/platform/curl_platform.h"

namespace modhost::host {

LogSettings logSettings(const Settings& settings);
SqliteInboxSettings inboxSettings(const Settings& settings);
PlatformClientSettings platformSettings(const Settings& settings);
GuardSettings guardSettings(const Settings& settings);
DispatchSettings dispatchSettings(const Settings& settings);
IngressSettings ingressSettings(const Settings& settings);
AdminSettings adminSettings(const Settings& settings);
RunnerSettings runnerSettings(const Settings& settings);

}  // namespace modhost::host
