// W3C Trace Context, level 1: the ids by which the lines, calls and traces of several services about
// one thing are found together. https://www.w3.org/TR/trace-context-1/
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace modhost::host {

struct TraceContext {
  std::string trace_id;   // 32 lower-case hex digits
  std::string parent_id;  // 16; of the caller; empty when nobody called
  bool sampled = false;   // the one flag that level 1 defines
};

// A traceparent header's value. nullopt: not of the standard's form, to the letter (lower case, ids
// that are not all zero, of version 00 nothing behind the flags); then it is to be ignored.
std::optional<TraceContext> parseTraceparent(std::string_view value);

// The trace of what nobody traced yet: the same for the same seed, and not sampled.
TraceContext traceFrom(std::string_view seed);

// "00-<trace>-<parent>-<flags>". `parent_id`: of what the caller does, 16 lower-case hex digits.
std::string traceparentText(const TraceContext& trace, std::string_view parent_id);

// Random and not zero. Threads: any.
std::string newSpanId();

}  // namespace modhost::host
