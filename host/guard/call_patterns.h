// What a module may call: its paths taken apart and held against the patterns of `platform_calls`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/base/result.h"
#include "host/guard/guard.h"

namespace modhost::host {

// "PATCH /messages/*" as in modules.yaml. kInvalid: not one method of the platform and one absolute
// path.
Result<CallPattern> parseCallPattern(std::string_view text);

// The segments of a module's path, form-decoded, without the query: "/messages/a+b?x" →
// {"messages", "a b"}. Matching what the platform will decode, not what was written, leaves no
// second spelling of a path. kInvalid, the message naming the fault and never the path: not
// absolute, an empty segment, a scheme, "..", a control byte, blank, backslash or '#', also where
// they are percent-encoded, or a broken encoding.
Result<std::vector<std::string>> pathSegments(std::string_view path);

// The first pattern that allows it; null: none does.
const CallPattern* patternOf(const std::vector<CallPattern>& patterns, std::string_view method,
                             const std::vector<std::string>& segments);
inline bool isAllowed(const std::vector<CallPattern>& patterns, std::string_view method,
                      const std::vector<std::string>& segments) {
  return patternOf(patterns, method, segments) != nullptr;
}

// What the guard knows about a call by its method and path alone.
enum class CallKind {
  kCreateStep = 1,  // POST /message-log
  kUpdateStep,      // PATCH /message-log/{id}
  kWriteMessage,    // PATCH /messages/{id}
  kStreamAnswer,    // POST /integrated/chat/stream-…
  kOtherWrite,      // whatever else may change something: never cut once it is on the wire
  kRead,            // GET, searches and completions
};
CallKind kindOfCall(std::string_view method, const std::vector<std::string>& segments);

}  // namespace modhost::host
