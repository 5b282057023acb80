#include "host/cli/table.h"

#include <algorithm>

namespace modhost::host {
namespace {

bool isContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Characters as a terminal counts them, near enough.
std::size_t columnsOf(const std::string& text) {
  return text.size() -
         static_cast<std::size_t>(std::count_if(text.begin(), text.end(), isContinuation));
}

}  // namespace

std::string alignedTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columnsOf(row[i]));
  }
  std::string lines;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i] + std::string(widths[i] - columnsOf(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    lines += line + "\n";
  }
  return lines;
}

std::string ageText(Milliseconds age) {
  if (age.count() < 0) return "in " + ageText(-age);
  struct AgeUnit {
    long long ms;
    const char* name;
  };
  static constexpr AgeUnit kAgeUnits[] = {
      {86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}};
  for (const AgeUnit& unit : kAgeUnits) {
    if (age.count() >= unit.ms) return std::to_string(age.count() / unit.ms) + unit.name;
  }
  return "now";
}

std::string agoText(Milliseconds age) {
  return age < Milliseconds(1'000) ? "just now" : ageText(age) + " ago";
}

std::string shownText(const std::string& text, std::size_t columns_max) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    shown += byte < 0x20 || byte == 0x7F ? ' ' : c;
  }
  if (shown.size() <= columns_max) return shown;
  std::size_t end = columns_max;
  while (end > 0 && isContinuation(shown[end])) --end;
  return shown.substr(0, end) + "…";
}

}  // namespace modhost::host
