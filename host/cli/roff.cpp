#include "host/cli/roff.h"

#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

#include "host/config/text.h"

namespace modhost::host {
namespace {

// What roff would read as something else; a plain '-' it would show as a hyphen that no shell takes.
std::string roffAscii(char c) {
  switch (c) {
    case '\\':
      return "\\e";
    case '-':
      return "\\-";
    case '\'':
      return "\\(aq";
    case '`':
      return "\\(ga";
    case '^':
      return "\\(ha";
    case '~':
      return "\\(ti";
    case '"':
      return "\\(dq";
    default:
      return {c};
  }
}

// The code point that begins at `at`, which is moved behind it; the text is UTF-8.
std::string roffBeyondAscii(const std::string& text, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  std::uint32_t code = lead & (lead >= 0xF0 ? 0x07 : lead >= 0xE0 ? 0x0F : 0x1F);
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) {
    code = code << 6 | (static_cast<unsigned char>(text[at++]) & 0x3F);
  }
  if (code == 0x2026) return "...";
  char name[16];
  std::snprintf(name, sizeof name, "\\[u%04X]", static_cast<unsigned>(code));
  return name;
}

std::string roffPlain(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const bool ascii = static_cast<unsigned char>(text[at]) < 0x80;
    out += ascii ? roffAscii(text[at++]) : roffBeyondAscii(text, at);
  }
  return out;
}

// What stands between two marks.
struct Marked {
  std::string text;
  std::size_t end = 0;  // behind the closing mark; 0: this is no mark
};

Marked markedAt(const std::string& text, std::size_t at, std::string_view mark) {
  const std::size_t begin = at + mark.size();
  if (text.compare(at, mark.size(), mark) != 0) return {};
  if (begin >= text.size() || text[begin] == ' ') return {};
  const std::size_t end = text.find(mark, begin);
  if (end == std::string::npos || end == begin || text[end - 1] == ' ') return {};
  return {text.substr(begin, end - begin), end + mark.size()};
}

Marked linkAt(const std::string& text, std::size_t at) {
  const std::size_t middle = text[at] == '[' ? text.find("](", at) : std::string::npos;
  const std::size_t end = middle == std::string::npos ? middle : text.find(')', middle);
  if (end == std::string::npos) return {};
  return {text.substr(at + 1, middle - at - 1), end + 1};
}

// The mark-up that begins at `at`, which is moved behind it; empty when none does.
std::string roffMarkup(const std::string& text, std::size_t& at) {
  constexpr struct {
    const char* mark;
    const char* font;
  } kFonts[] = {{"`", "\\fB"}, {"**", "\\fB"}, {"*", "\\fI"}};
  for (const auto& [mark, font] : kFonts) {
    const Marked found = markedAt(text, at, mark);
    if (found.end == 0) continue;
    at = found.end;
    return font + roffPlain(found.text) + "\\fR";
  }
  const Marked link = linkAt(text, at);
  if (link.end != 0) at = link.end;
  return link.end == 0 ? "" : roffPlain(link.text);
}

// A line that begins with one of these would be an order.
std::string roffGuarded(const std::string& line) {
  return !line.empty() && (line[0] == '.' || line[0] == '\'') ? "\\&" + line : line;
}

bool beginsWith(const std::string& line, std::string_view with) {
  return line.compare(0, with.size(), with) == 0;
}

// The cells of "| a | b |"; "\|" in one is a '|'.
std::vector<std::string> cellsOf(const std::string& line) {
  std::vector<std::string> cells;
  std::string cell;
  for (std::size_t at = 1; at < line.size(); ++at) {
    const bool escaped = line[at] == '\\' && at + 1 < line.size() && line[at + 1] == '|';
    if (escaped) ++at;
    if (escaped || line[at] != '|') {
      cell += line[at];
      continue;
    }
    cells.emplace_back(trimmed(cell));
    cell.clear();
  }
  return cells;
}

class Blocks {
 public:
  void add(const std::string& line) {
    if (!beginsWith(line, "  ")) endExample();
    if (!beginsWith(line, "|")) heads_.clear();
    if (beginsWith(line, "# ")) return;
    if (beginsWith(line, "## ")) return addHeading(line.substr(3));
    if (beginsWith(line, "|")) return addRow(line);
    if (beginsWith(line, "  ")) return addExample(line.substr(2));
    if (line.empty()) return endParagraph();
    paragraph_ += (paragraph_.empty() ? "" : " ") + line;
  }

  std::string finish() {
    endExample();
    endParagraph();
    return out_;
  }

 private:
  void endParagraph() {
    if (!paragraph_.empty()) out_ += ".PP\n" + roffLine(paragraph_) + "\n";
    paragraph_.clear();
  }

  void addHeading(const std::string& text) {
    endParagraph();
    out_ += ".SS " + roffLine(text) + "\n";
  }

  void addExample(const std::string& line) {
    endParagraph();
    if (!in_example_) out_ += ".PP\n.RS 4\n.nf\n";
    in_example_ = true;
    out_ += roffGuarded(roffPlain(line)) + "\n";
  }

  void endExample() {
    if (in_example_) out_ += ".fi\n.RE\n";
    in_example_ = false;
  }

  void addRow(const std::string& line) {
    endParagraph();
    if (beginsWith(line, "|---")) return;
    const std::vector<std::string> cells = cellsOf(line);
    if (heads_.empty()) {
      heads_ = cells;
      return;
    }
    out_ += ".TP\n" + roffLine(cells.front()) + "\n" + roffLine(cells.back()) + "\n";
    if (cells.size() > 2) out_ += ".br\n" + roffLine(factsOf(cells)) + "\n";
  }

  std::string factsOf(const std::vector<std::string>& cells) const {
    std::string facts;
    for (std::size_t i = 1; i + 1 < cells.size() && i < heads_.size(); ++i) {
      if (cells[i].empty()) continue;
      facts += (facts.empty() ? "" : "; ") + heads_[i] + ": " + cells[i];
    }
    return "(" + facts + ")";
  }

  std::string out_, paragraph_;
  std::vector<std::string> heads_;
  bool in_example_ = false;
};

}  // namespace

std::string roffLine(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::string markup = roffMarkup(text, at);
    std::size_t end = at;
    if (markup.empty()) end = text.find_first_of("`*[", at + 1);
    out += markup.empty() ? roffPlain(text.substr(at, end - at)) : markup;
    if (markup.empty()) at = end == std::string::npos ? text.size() : end;
  }
  return roffGuarded(out);
}

std::string roffBlocks(const std::string& markdown) {
  Blocks blocks;
  for (const std::string& line : split(markdown, '\n')) blocks.add(line);
  return blocks.finish();
}

}  // namespace modhost::host
