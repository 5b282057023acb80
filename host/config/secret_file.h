// A secret that stands in a file of its own, as containers and secret stores hand them out.
#pragma once

#include <cstddef>
#include <string>

namespace modhost::host {

inline constexpr std::size_t kSecretFileBytesMax = 16 * 1024;

struct SecretFile {
  std::string secret;   // without the file's last line end
  std::string warning;  // who can read the file besides those who should; empty: nobody
};

// Throws StartupError with the path and never the content: cannot be read, too long, empty, no
// text, or can be written by others (text_file.h).
SecretFile readSecretFile(const std::string& path);

}  // namespace modhost::host
