// Text for man: roff, in ASCII, of the little Markdown that the settings' reference and --help use.
#pragma once

#include <string>

namespace modhost::host {

// One line of text: `code` and **strong** in bold, *this* slanted, [links](there) as their text;
// all else as it reads.
std::string roffLine(const std::string& text);

// Paragraphs, ## headings and tables; lines that begin with two blanks stay as they are. The # title
// is left out. A table's row becomes an item: its first cell, then its last, then those between by
// the names that stand over them.
std::string roffBlocks(const std::string& markdown);

}  // namespace modhost::host
