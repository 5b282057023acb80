#include "host/base/trace_context.h"

#include <algorithm>
#include <random>

#include "host/base/crypto.h"

namespace modhost::host {
namespace {

constexpr std::size_t kTraceDigits = 32;
constexpr std::size_t kSpanDigits = 16;
// version-trace-parent-flags
constexpr std::size_t kTraceAt = 3, kParentAt = 36, kFlagsAt = 53, kBytes = 55;
constexpr char kHexDigits[] = "0123456789abcdef";

bool isHex(std::string_view text) {
  return text.find_first_not_of(kHexDigits) == std::string_view::npos;
}

bool isId(std::string_view text) {
  return isHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

// What a later version appends begins with a dash.
bool endsRightly(std::string_view value) {
  if (value.size() == kBytes) return true;
  return !value.starts_with("00") && value[kBytes] == '-';
}

bool isOdd(char hex_digit) { return std::string_view(kHexDigits).find(hex_digit) % 2 == 1; }

}  // namespace

std::optional<TraceContext> parseTraceparent(std::string_view value) {
  if (value.size() < kBytes || !endsRightly(value)) return std::nullopt;
  const std::string_view version = value.substr(0, 2);
  const std::string_view trace = value.substr(kTraceAt, kTraceDigits);
  const std::string_view parent = value.substr(kParentAt, kSpanDigits);
  const std::string_view flags = value.substr(kFlagsAt, 2);
  const bool dashes =
      value[kTraceAt - 1] == '-' && value[kParentAt - 1] == '-' && value[kFlagsAt - 1] == '-';
  if (!dashes || !isHex(version) || version == "ff" || !isHex(flags)) return std::nullopt;
  if (!isId(trace) || !isId(parent)) return std::nullopt;
  return TraceContext{std::string(trace), std::string(parent), isOdd(flags.back())};
}

TraceContext traceFrom(std::string_view seed) {
  return {hex(sha256(seed)).substr(0, kTraceDigits), "", false};
}

std::string traceparentText(const TraceContext& trace, std::string_view parent_id) {
  std::string text = "00-" + trace.trace_id + "-";
  return text.append(parent_id).append(trace.sampled ? "-01" : "-00");
}

std::string newSpanId() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  std::string id(kSpanDigits, '0');
  std::uint64_t number = std::max<std::uint64_t>(random(), 1);
  for (auto digit = id.rbegin(); digit != id.rend(); ++digit, number >>= 4) {
    *digit = kHexDigits[number & 15];
  }
  return id;
}

}  // namespace modhost::host
