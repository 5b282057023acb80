// Times as people and protocols write them.
#pragma once

#include <string>

#include "host/base/clock.h"

namespace modhost::host {

// ISO 8601 in UTC with milliseconds and Z, as the platform wants it: 2026-01-01T00:00:00.500Z.
std::string isoTime(WallTime time);

// The shortest of "90s", "1500ms", "15m", "2h", "7d" that says exactly this.
std::string durationText(Milliseconds duration);

}  // namespace modhost::host
