#pragma once

#include <string>
#include <string_view>

namespace modhost::detail {

// Form encoding, as the platform's own client writes ids into paths: a blank is '+', and all but
// letters, digits and "_.-~" is %XX.
inline std::string quotePlus(std::string_view text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string quoted;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (kPlain.find(c) != std::string_view::npos) {
      quoted += c;
    } else if (c == ' ') {
      quoted += '+';
    } else {
      quoted += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return quoted;
}

}  // namespace modhost::detail
