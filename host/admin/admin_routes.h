// Every route of the admin port. docs/openapi.json describes each; a test holds the two together.
//
//   GET  /healthz         200 {"status":"ok"}: the process serves
//   GET  /readyz          200 {"ready":true}, or 503 {"ready":false,"reasons":["draining"]}
//   GET  /metrics         Prometheus text format 0.0.4
//   GET  /status, /api/v1/status   JSON for people: version, uptime, inbox, and what app adds
//   GET  /, /page/{file}  the operator's page (page.h)
//   GET  /api/v1/attempts what AdminSources::attempts answers: the latest attempts
//   POST /api/v1/reload   what AdminSources::reload answers
//   GET  /api/v1/openapi.json   docs/openapi.json
//   …    /api/v1/log-level   log_routes.h
//   …    /api/v1/events…  event_routes.h
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "host/admin/admin_router.h"
#include "host/admin/event_routes.h"
#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/inbox/inbox.h"

namespace modhost::host {

// What only the composition root knows. All are called on the admin server's threads, at once, and
// must not block for long (reload may). Each may be empty.
struct AdminSources {
  // Why this host should get no events now ("draining"), besides what the inbox says itself; empty
  // when it should. Shown as they are.
  std::function<std::vector<std::string>()> not_ready;
  // Members to add to /status ("modules", "routes"); an object.
  std::function<nlohmann::json()> status;
  // POST /api/v1/reload; without it the path is not there. Answers with jsonReply() or problem().
  AdminHandler reload;
  EventRoutesSources events = {};
  // GET /api/v1/attempts, likewise.
  AdminHandler attempts = {};
  // Runs before /metrics is written, for what is looked at only then.
  std::function<void()> before_metrics = {};
};

// The references must outlive the router; `inbox` and `letters` are two sides of one.
AdminRouter adminRoutes(Clock& clock, Metrics& metrics, Inbox& inbox, DeadLetters& letters,
                        AdminSources sources);

}  // namespace modhost::host
