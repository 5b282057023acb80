// A guard before any JSON parser: nlohmann/json overflows the stack when a deeply nested value is
// copied or dumped. This walks the bytes once, without recursion or allocation.
#pragma once

#include <string_view>

namespace modhost::host {

inline constexpr int kJsonDepthMax = 64;

// True when no array or object in `text` nests deeper than `depth_max`. Says nothing about
// validity.
bool jsonDepthWithin(std::string_view text, int depth_max = kJsonDepthMax);

}  // namespace modhost::host
