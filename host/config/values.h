// Numbers with units as modules.yaml writes them, and back. Durations are base/time_text.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "host/base/clock.h"

namespace modhost::host {

// Decimal digits with an optional minus. nullopt for anything else, here and below.
std::optional<std::int64_t> integerFrom(std::string_view text);

// "512KiB", "8MiB", "1GiB", "100B"; 0 needs no unit. In bytes.
std::optional<std::int64_t> sizeFrom(std::string_view text);
// The largest unit that says exactly this: 1536KiB, not 1.5MiB.
std::string sizeText(std::int64_t bytes);

// "2026-12-31T00:00:00Z", or with milliseconds: "2026-12-31T00:00:00.500Z".
std::optional<WallTime> timeFrom(const std::string& text);

struct HostPort {
  std::string host;  // without the brackets of an IPv6 address
  int port = 0;
};
// "0.0.0.0:8080", "localhost:0", "[::1]:8080".
std::optional<HostPort> hostPortFrom(std::string_view text);
std::string hostPortText(const HostPort& address);

}  // namespace modhost::host
