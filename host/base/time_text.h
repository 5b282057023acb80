// Times as people and protocols write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "host/base/clock.h"

namespace modhost::host {

// ISO 8601 in UTC with milliseconds and Z, as the platform wants it: 2026-01-01T00:00:00.500Z.
std::string isoTime(WallTime time);

// isoTime() back, of exactly that shape; nullopt for anything else.
std::optional<WallTime> wallTimeFrom(const std::string& iso);

// The shortest of "90s", "1500ms", "15m", "2h", "7d" that says exactly this.
std::string durationText(Milliseconds duration);

// The same notation back; 0 needs no unit. nullopt for anything else.
std::optional<Milliseconds> durationFrom(std::string_view text);

}  // namespace modhost::host
