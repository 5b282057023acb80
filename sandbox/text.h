// What the sandbox does with words: UTF-8 made valid, a question's terms, sentences.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace modhost::sandbox {

// A question has few words; what comes after the 64th different one does not change the ranking.
inline constexpr std::size_t kTermsMax = 64;
// Longer runs of letters are no words (base64, a pasted key) and are left out.
inline constexpr std::size_t kTermBytesMax = 64;

// `text` with every malformed byte replaced by U+FFFD, so that it can be stored, dumped and shown.
std::string validUtf8(std::string_view text);

// The largest cut <= `at` that does not split a code point.
std::size_t codePointBoundary(std::string_view text, std::size_t at);

// The different words of `text` in the order they come, ASCII letters in lower case, without the
// commonest English and German words (unless there are no others). A byte of a non-ASCII code point
// counts as a letter. At most kTermsMax.
std::vector<std::string> terms(std::string_view text);

// The sentences of a passage, trimmed; a heading, a list item and a line of a table each stand
// alone. What stands between ``` fences is code and left out; a line "---" ends a fence that was cut
// open.
std::vector<std::string> sentences(std::string_view passage);

std::string_view trimmed(std::string_view text);

}  // namespace modhost::sandbox
