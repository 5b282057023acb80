#include "host/base/time_text.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <limits>

namespace modhost::host {
namespace {

struct Unit {
  std::int64_t ms;
  std::string_view name;
};
// Largest first.
constexpr std::array<Unit, 5> kUnits{
    {{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1000, "s"}, {1, "ms"}}};

}  // namespace

std::string isoTime(WallTime time) {
  const auto ms = time.time_since_epoch().count();
  const std::time_t seconds = static_cast<std::time_t>(ms >= 0 ? ms / 1000 : (ms - 999) / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                                 utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                                 utc.tm_min, utc.tm_sec, static_cast<int>(ms - seconds * 1000));
  return std::string(text.data(), static_cast<std::size_t>(size));
}

std::optional<WallTime> wallTimeFrom(const std::string& iso) {
  std::tm utc{};
  int ms = 0;
  int read = 0;
  const int fields =
      std::sscanf(iso.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &utc.tm_year, &utc.tm_mon,
                  &utc.tm_mday, &utc.tm_hour, &utc.tm_min, &utc.tm_sec, &ms, &read);
  if (fields != 7 || iso.size() != 24 || read != 24) return std::nullopt;
  utc.tm_year -= 1900;
  utc.tm_mon -= 1;
  const WallTime time(Milliseconds(static_cast<std::int64_t>(timegm(&utc)) * 1000 + ms));
  return isoTime(time) == iso ? std::optional(time) : std::nullopt;
}

std::string durationText(Milliseconds duration) {
  const std::int64_t ms = duration.count();
  for (const Unit& unit : kUnits) {
    if (ms != 0 && ms % unit.ms == 0) return std::to_string(ms / unit.ms) + std::string(unit.name);
  }
  return std::to_string(ms) + "ms";
}

std::optional<Milliseconds> durationFrom(std::string_view text) {
  if (text == "0") return Milliseconds(0);
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [unit_at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || number < 0 || text.front() == '-') return std::nullopt;
  const std::string_view name(unit_at, static_cast<std::size_t>(end - unit_at));
  for (const Unit& unit : kUnits) {
    if (name != unit.name) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / unit.ms) return std::nullopt;
    return Milliseconds(number * unit.ms);
  }
  return std::nullopt;
}

}  // namespace modhost::host
