// Cutting text where a reader would allow it.
#pragma once

#include <cstddef>
#include <string_view>

namespace modhost {

namespace detail {

// Bytes of the code point at `at`; 1 for a byte that starts no complete sequence.
inline std::size_t sequenceBytes(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  const std::size_t bytes = lead < 0xC0 || lead >= 0xF8 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (at + bytes > text.size()) return 1;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 1;
  }
  return bytes;
}

}  // namespace detail

// The first `count` code points of UTF-8 text: never ends inside a sequence. A byte that belongs to
// no sequence counts as one. The view points into `text`.
inline std::string_view firstCodePoints(std::string_view text, std::size_t count) {
  std::size_t end = 0;
  for (; count > 0 && end < text.size(); --count) end += detail::sequenceBytes(text, end);
  return text.substr(0, end);
}

// The longest start of UTF-8 text of at most `bytes_max` bytes that does not end inside a sequence.
inline std::string_view firstBytes(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = 0;
  for (std::size_t next = 0; next <= bytes_max; next += detail::sequenceBytes(text, next))
    end = next;
  return text.substr(0, end);
}

}  // namespace modhost
