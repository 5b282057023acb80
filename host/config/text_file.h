// A whole small file as text.
#pragma once

#include <cstddef>
#include <string>

#include "host/base/file_trust.h"

namespace modhost::host {

struct TextFile {
  std::string text;
  FileRights rights;  // of what was read
};

// Throws StartupError when `path` cannot be read, is longer than `bytes_max`, or can be written by
// others than FileTrust accepts. A pipe is read to its end; one that nobody writes to is empty, and
// one whose writer keeps silent for 5 s is not waited for.
TextFile readTextFile(const std::string& path, std::size_t bytes_max);

// Throws StartupError when others may write into the folder; one that is not there is left to who
// needs it.
void requireTrustedFolder(const std::string& path);

}  // namespace modhost::host
