#include "host/config/values.h"

#include <array>
#include <charconv>
#include <limits>

#include "host/base/time_text.h"
#include "host/config/text.h"

namespace modhost::host {

namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// Largest first.
constexpr std::array<Unit, 4> kSizes{
    {{"GiB", 1024LL * 1024 * 1024}, {"MiB", 1024 * 1024}, {"KiB", 1024}, {"B", 1}}};

}  // namespace

std::optional<std::int64_t> integerFrom(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<WallTime> timeFrom(const std::string& text) {
  constexpr std::size_t kWithoutMilliseconds = 20;
  if (text.size() != kWithoutMilliseconds) return wallTimeFrom(text);
  return wallTimeFrom(text.substr(0, kWithoutMilliseconds - 1) + ".000Z");
}

std::optional<std::int64_t> sizeFrom(std::string_view text) {
  if (text == "0") return 0;
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = integerFrom(text.substr(0, digits));
  if (!number) return std::nullopt;
  for (const Unit& unit : kSizes) {
    if (text.substr(digits) != unit.name) continue;
    if (*number > std::numeric_limits<std::int64_t>::max() / unit.factor) return std::nullopt;
    return *number * unit.factor;
  }
  return std::nullopt;
}

std::string sizeText(std::int64_t bytes) {
  for (const Unit& unit : kSizes) {
    if (bytes != 0 && bytes % unit.factor == 0) {
      return std::to_string(bytes / unit.factor) + std::string(unit.name);
    }
  }
  return "0";
}

std::optional<HostPort> hostPortFrom(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const auto port = integerFrom(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65'535) return std::nullopt;

  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const bool colons = host.find(':') != std::string_view::npos;
  const bool strange = hasControl(host) || host.find_first_of(" []/@") != std::string_view::npos;
  if (colons != bracketed || strange) return std::nullopt;
  return HostPort{std::string(host), static_cast<int>(*port)};
}

std::string hostPortText(const HostPort& address) {
  const bool brackets = address.host.find(':') != std::string::npos;
  const std::string host = brackets ? "[" + address.host + "]" : address.host;
  return host + ":" + std::to_string(address.port);
}

}  // namespace modhost::host
