// Small helpers about text that the folder's parts share.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace modhost::host {

// The offset of the first byte that is not UTF-8 (overlong forms and surrogates included); npos
// when all is.
std::size_t utf8ErrorAt(std::string_view text);

// As a JSON string, which is also a double-quoted YAML scalar on one line. What is not UTF-8 in
// `text` becomes U+FFFD.
std::string quotedText(std::string_view text);

// quotedText() of the first 60 characters, for messages.
std::string quotedStart(std::string_view text);
// The same without its quotes, for names and for what a library says.
std::string plainStart(std::string_view text);

// The candidate with the smallest edit distance, if that is near enough to be a slip of the pen.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

std::string joined(const std::vector<std::string>& words, std::string_view between);
std::vector<std::string> split(std::string_view text, char at);
std::string_view trimmed(std::string_view text);

// True when `text` holds a control character, line ends included.
bool hasControl(std::string_view text);

}  // namespace modhost::host
