// The routes about events: what the inbox holds, and what becomes of dead letters.
//
//   GET  /api/v1/events               a page of events with their open and dead deliveries
//   GET  /api/v1/events/{id}          one event's story, by its id or its seq
//   POST /api/v1/events/{id}/replay   its dead letters wait again; "to" names who gets them instead
//   POST /api/v1/events/{id}/drop     its dead letters end for good
//   POST /api/v1/events/replay, POST /api/v1/events/drop   the same for all that match, in slices
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "host/admin/admin_router.h"
#include "host/base/clock.h"
#include "host/inbox/dead_letters.h"

namespace modhost::host {

struct AdminModule {
  std::string id;
  bool answers = false;
};

struct EventRoutesSources {
  std::function<std::vector<AdminModule>()> modules;  // those serving now
  // The latest platform calls of an event, as the story shows them.
  std::function<nlohmann::json(EventSeq)> calls = {};
  bool show_bodies = false;  // whether ?body=1 is granted
};

// The references must outlive the router.
void addEventRoutes(AdminRouter& router, Clock& clock, DeadLetters& letters,
                    EventRoutesSources sources);

}  // namespace modhost::host
