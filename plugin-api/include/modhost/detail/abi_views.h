// Crossing the boundary: views and structs whose writer may be older or newer than this code.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "modhost/abi.h"
#include "modhost/text.h"

namespace modhost::detail {

constexpr modhost_view viewOf(std::string_view text) { return {text.data(), text.size()}; }

inline std::string_view textOf(modhost_view view) {
  return view.data == nullptr ? std::string_view()
                              : std::string_view(view.data, static_cast<std::size_t>(view.size));
}

// The other side's struct in this side's shape: what it did not know is zero, what this side does
// not know is left out.
template <class Struct>
Struct adopt(const Struct* theirs) {
  Struct mine{};
  std::memcpy(&mine, theirs, std::min<std::size_t>(theirs->size, sizeof(Struct)));
  mine.size = sizeof(Struct);
  return mine;
}

inline void writeError(modhost_error_buffer* buffer, std::string_view text) noexcept {
  if (buffer == nullptr || buffer->data == nullptr) return;
  const std::string_view fitting = firstBytes(text, static_cast<std::size_t>(buffer->capacity));
  std::copy(fitting.begin(), fitting.end(), buffer->data);
  buffer->used = fitting.size();
}

}  // namespace modhost::detail
