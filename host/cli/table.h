// Text for people: aligned columns, ages, and words from elsewhere that must not steer a terminal.
#pragma once

#include <string>
#include <vector>

#include "host/base/clock.h"

namespace modhost::host {

// Rows of cells as lines, each column as wide as its widest cell; the first row is the heading. No
// line ends in blanks.
std::string alignedTable(const std::vector<std::vector<std::string>>& rows);

// "now", "12s", "5m", "3h", "2d": the largest unit that holds, rounded down. Of the future: "in 5m".
std::string ageText(Milliseconds age);

// "3m ago", or "just now".
std::string agoText(Milliseconds age);

// On one line without control bytes, cut after `columns_max` bytes at a character's edge.
std::string shownText(const std::string& text, std::size_t columns_max);

}  // namespace modhost::host
