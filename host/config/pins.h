// Writes the modules' sums into modules.yaml, and nothing else: every comment, blank and order stays.
#pragma once

#include <string>
#include <vector>

namespace modhost::host {

using Pins = std::vector<std::string>;  // a SHA-256 in hex for each entry of modules, in order

// The text of a modules.yaml with `sha256` of its modules set: the value that is there is
// replaced; else a line below the entry's id, or, in an entry written {…}, a member behind it.
// `file` is for messages. Throws StartupError when that cannot be done without changing more: the
// sum comes from a variable, or an alias stands for the entry.
std::string pinnedText(const std::string& file, const std::string& text, const Pins& pins);

// Replaces the file by its pinnedText() in one step that a crash does not halve; mode and owner
// stay, and a link still leads to it. False: it said so already, and was not touched. Throws
// StartupError.
bool pinModules(const std::string& file, const Pins& pins);

}  // namespace modhost::host
