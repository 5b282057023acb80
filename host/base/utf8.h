// UTF-8, as far as bytes of strangers are checked for it.
#pragma once

#include <cstddef>
#include <string_view>

namespace modhost::host {

// How many bytes the character takes that `text` begins with; 0 when it begins with none (RFC 3629:
// nothing overlong, no surrogate, nothing beyond U+10FFFF).
inline std::size_t utf8CharacterBytes(std::string_view text) {
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char first = text.empty() ? 0xFF : byte(0);
  if (first < 0x80) return 1;
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < bytes) return 0;
  const unsigned char least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned char most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < least || byte(1) > most) return 0;
  for (std::size_t at = 2; at < bytes; ++at) {
    if ((byte(at) & 0xC0U) != 0x80U) return 0;
  }
  return bytes;
}

}  // namespace modhost::host
