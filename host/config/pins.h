// Writes the modules' sums into modules.yaml, and nothing else: every comment, blank and order stays.
#pragma once

#include <string>
#include <vector>

namespace modhost::host {

struct Pin {
  std::string id;    // of the module
  std::string path;  // of the file that was summed, absolute
  std::string sum;   // SHA-256 in hex
};
using Pins = std::vector<Pin>;

// The text of a modules.yaml with `sha256` of its modules set: the value that is there is
// replaced; else a line below the entry's id, or, in an entry written {…}, a member behind it. An
// entry is found by its id and its path, wherever it stands, as the file may have been edited since
// the sums were made; one that no pin is for stays as it is. `file` is the one the text is of.
// Throws StartupError: a pin has no entry any more, a variable is not set, or it cannot be done
// without changing more (the sum comes from a variable, an alias stands for the entry).
std::string pinnedText(const std::string& file, const std::string& text, const Pins& pins);

// Replaces the file by its pinnedText() in one step that a crash does not halve; mode and owner
// stay, and a link still leads to it. False: it said so already, and was not touched. Throws
// StartupError.
bool pinModules(const std::string& file, const Pins& pins);

}  // namespace modhost::host
