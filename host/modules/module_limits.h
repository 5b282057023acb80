// How much a module may pass through the boundary at once. The same numbers hold in process and in
// a worker, and on the host's side they are enforced again on what a worker sends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "host/modules/platform_calls.h"

namespace modhost::host {

inline constexpr std::size_t kModuleTextBytesMax =
    4 * 1024;  // log message, log fields, outcome text
inline constexpr std::size_t kCallMethodBytesMax = 16;
inline constexpr std::size_t kCallPathBytesMax = 8 * 1024;  // an id and a query fit many times
inline constexpr std::size_t kCallBodyBytesMax = 8u << 20;  // as large as an event may be
inline constexpr int kAttemptCallsMax = 64;                 // of one attempt, in flight at once
inline constexpr std::int64_t kRetryAfterMsMax = 30LL * 24 * 3600 * 1000;

// At most `bytes_max` bytes of `text`, cut between UTF-8 characters; what was cut is said at the
// end.
std::string bounded(std::string_view text, std::size_t bytes_max = kModuleTextBytesMax);

// Why a call may not be made, or an empty string. A method is upper-case letters; a path starts
// with '/', holds no scheme or authority ("//", "://" before the query), no "." or ".." segment
// (plain or percent-encoded), no backslash, space, control or non-ASCII byte and no '#'; the body
// is empty or one JSON text in UTF-8 that nests at most kJsonDepthMax deep.
std::string callRefusal(const ModuleCall& call);

// "" for no fields. Else the text, when it is a JSON object within the limits; else words that say
// it is not.
std::string checkedLogFields(std::string_view fields);

}  // namespace modhost::host
