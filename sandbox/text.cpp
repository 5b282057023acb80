#include "sandbox/text.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace modhost::sandbox {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kSpace = " \t\r\n\f\v";

// Sorted, for binary_search.
constexpr std::array<std::string_view, 69> kStopWords = {
    "a",     "an",    "and",  "are",  "as",   "at",    "auf",    "be",   "by",   "can",
    "das",   "dem",   "den",  "der",  "des",  "die",   "do",     "does", "ein",  "eine",
    "for",   "from",  "gibt", "has",  "have", "how",   "i",      "ich",  "im",   "in",
    "is",    "ist",   "it",   "its",  "may",  "me",    "mit",    "my",   "of",   "on",
    "or",    "our",   "sind", "that", "the",  "their", "there",  "they", "this", "to",
    "und",   "unter", "us",   "von",  "was",  "we",    "welche", "were", "what", "when",
    "where", "which", "who",  "why",  "wie",  "will",  "with",   "you",  "zu"};

bool isStopWord(std::string_view word) {
  return std::binary_search(kStopWords.begin(), kStopWords.end(), word);
}

unsigned char byteAt(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

bool isContinuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// The second byte's range is what excludes overlong forms, surrogates and what lies above U+10FFFF
// (Unicode 15, table 3-7).
bool secondByteFits(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0 && second <= 0xBF;
    case 0xED:
      return second >= 0x80 && second <= 0x9F;
    case 0xF0:
      return second >= 0x90 && second <= 0xBF;
    case 0xF4:
      return second >= 0x80 && second <= 0x8F;
    default:
      return isContinuation(second);
  }
}

std::size_t lengthByLead(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

// The length of the well-formed code point at `at`, or 0.
std::size_t codePointLength(std::string_view text, std::size_t at) {
  const std::size_t length = lengthByLead(byteAt(text, at));
  if (length <= 1) return length;
  if (at + length > text.size()) return 0;
  if (!secondByteFits(byteAt(text, at), byteAt(text, at + 1))) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (!isContinuation(byteAt(text, at + i))) return 0;
  }
  return length;
}

bool isWordByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || std::isalnum(byte) != 0;
}

std::string lowerAscii(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Calls `take` with each word until it returns false.
template <typename Take>
void eachWord(std::string_view text, Take take) {
  std::size_t at = 0;
  while (at < text.size()) {
    while (at < text.size() && !isWordByte(text[at])) ++at;
    const std::size_t begin = at;
    while (at < text.size() && isWordByte(text[at])) ++at;
    if (at > begin && at - begin <= kTermBytesMax &&
        !take(lowerAscii(text.substr(begin, at - begin)))) {
      return;
    }
  }
}

std::vector<std::string> differentWords(std::string_view text, bool with_stop_words) {
  std::vector<std::string> words;
  eachWord(text, [&](std::string word) {
    const bool wanted = with_stop_words || !isStopWord(word);
    if (wanted && std::find(words.begin(), words.end(), word) == words.end()) {
      words.push_back(std::move(word));
    }
    return words.size() < kTermsMax;
  });
  return words;
}

bool standsAlone(std::string_view line) {
  return line.starts_with('#') || line.starts_with("- ") || line.starts_with("* ") ||
         line.starts_with('|') || line.starts_with("> ");
}

bool endsSentence(std::string_view text, std::size_t at) {
  const bool mark = text[at] == '.' || text[at] == '!' || text[at] == '?';
  return mark && (at + 1 == text.size() || text[at + 1] == ' ');
}

void addTrimmed(std::string_view sentence, std::vector<std::string>& found) {
  const std::string_view text = trimmed(sentence);
  if (!text.empty()) found.emplace_back(text);
}

void splitParagraph(std::string_view paragraph, std::vector<std::string>& found) {
  std::size_t begin = 0;
  for (std::size_t at = 0; at < paragraph.size(); ++at) {
    if (!endsSentence(paragraph, at)) continue;
    addTrimmed(paragraph.substr(begin, at + 1 - begin), found);
    begin = at + 1;
  }
  addTrimmed(paragraph.substr(begin), found);
}

}  // namespace

std::string validUtf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = codePointLength(text, at);
    valid += length == 0 ? kReplacement : text.substr(at, length);
    at += std::max<std::size_t>(length, 1);
  }
  return valid;
}

std::size_t codePointBoundary(std::string_view text, std::size_t at) {
  if (at >= text.size()) return text.size();
  while (at > 0 && isContinuation(byteAt(text, at))) --at;
  return at;
}

std::vector<std::string> terms(std::string_view text) {
  std::vector<std::string> words = differentWords(text, false);
  return words.empty() ? differentWords(text, true) : words;
}

std::vector<std::string> sentences(std::string_view passage) {
  std::vector<std::string> found;
  std::string paragraph;
  bool fenced = false;
  const auto endParagraph = [&] {
    splitParagraph(paragraph, found);
    paragraph.clear();
  };
  for (std::size_t at = 0; at <= passage.size();) {
    const std::size_t end = std::min(passage.find('\n', at), passage.size());
    const std::string_view line = trimmed(passage.substr(at, end - at));
    at = end + 1;
    if (line.starts_with("```") || line == "---") {
      endParagraph();
      fenced = !fenced && line != "---";
      continue;
    }
    if (fenced) continue;
    if (line.empty() || standsAlone(line)) endParagraph();
    paragraph.append(paragraph.empty() ? "" : " ").append(line);
    if (line.starts_with('#') || line.starts_with('|')) endParagraph();
  }
  endParagraph();
  return found;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace modhost::sandbox
