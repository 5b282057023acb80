// A whole small file as text.
#pragma once

#include <cstddef>
#include <string>

namespace modhost::host {

// Throws StartupError when `path` cannot be read, or is longer than `bytes_max`.
std::string readTextFile(const std::string& path, std::size_t bytes_max);

}  // namespace modhost::host
