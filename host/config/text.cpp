#include "host/config/text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

namespace modhost::host {

namespace {

constexpr std::size_t kShownCharacters = 60;
constexpr std::size_t kNearestLengthMax =
    200;  // a longer word is no slip of the pen, and costs quadratic time

bool isContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// What the lead byte says of its sequence; `least` is the smallest code point that needs this
// length.
struct Lead {
  std::size_t size = 0;  // 0: no lead byte
  unsigned bits = 0;
  unsigned least = 0;
};

Lead leadOf(char c) {
  const unsigned byte = static_cast<unsigned char>(c);
  if (byte < 0x80) return {1, byte, 0};
  if ((byte & 0xe0) == 0xc0) return {2, byte & 0x1f, 0x80};
  if ((byte & 0xf0) == 0xe0) return {3, byte & 0x0f, 0x800};
  if ((byte & 0xf8) == 0xf0) return {4, byte & 0x07, 0x10000};
  return {};
}

// Bytes of the code point at the start of `text`; 0 when there is none.
std::size_t codePointSize(std::string_view text) {
  const Lead lead = leadOf(text.front());
  if (lead.size == 0 || text.size() < lead.size) return 0;
  unsigned point = lead.bits;
  for (std::size_t i = 1; i < lead.size; ++i) {
    if (!isContinuation(text[i])) return 0;
    point = (point << 6) | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  return point < lead.least || point > 0x10ffff || surrogate ? 0 : lead.size;
}

std::string_view startOf(std::string_view text) {
  std::size_t bytes = 0;
  for (std::size_t shown = 0; bytes < text.size(); ++bytes) {
    if (!isContinuation(text[bytes]) && ++shown > kShownCharacters) break;
  }
  return text.substr(0, bytes);
}

std::size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::size_t utf8ErrorAt(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = codePointSize(text.substr(at));
    if (size == 0) return at;
    at += size;
  }
  return std::string_view::npos;
}

std::string quotedText(std::string_view text) {
  std::string quoted =
      nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  // The one control byte that JSON lets stand.
  for (std::size_t at = quoted.find('\x7f'); at != quoted.npos; at = quoted.find('\x7f', at)) {
    quoted.replace(at, 1, "\\u007f");
  }
  return quoted;
}

std::string quotedStart(std::string_view text) {
  const std::string_view start = startOf(text);
  return quotedText(start) + (start.size() < text.size() ? "…" : "");
}

std::string plainStart(std::string_view text) {
  const std::string_view start = startOf(text);
  const std::string quoted = quotedText(start);
  return quoted.substr(1, quoted.size() - 2) + (start.size() < text.size() ? "…" : "");
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.size() > kNearestLengthMax) return "";
  std::string best;
  const std::size_t slip =
      std::max({std::size_t{2}, word.size() / 3, std::min<std::size_t>(3, word.size() / 2)});
  std::size_t best_distance = slip + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = editDistance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string all;
  for (const std::string& word : words) {
    if (!all.empty()) all += between;
    all += word;
  }
  return all;
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (std::size_t end = text.find(at); end != std::string_view::npos; end = text.find(at)) {
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.emplace_back(text);
  return parts;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\r");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t\r") - start + 1);
}

bool hasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

}  // namespace modhost::host
