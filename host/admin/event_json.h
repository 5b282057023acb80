// How events stand in the admin API's replies. Bodies are not among it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "host/inbox/event_query.h"

namespace modhost::host {

nlohmann::json pageJson(const EventPage& page, WallTime now);
nlohmann::json storyJson(const EventStory& story, WallTime now);

}  // namespace modhost::host
