#include "host/config/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "host/base/fd.h"
#include "host/base/startup_error.h"

namespace modhost::host {

std::string readTextFile(const std::string& path, std::size_t bytes_max) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 64 * 1024> buffer{};
  ssize_t size = file.valid() ? 1 : -1;
  while (size > 0 && text.size() <= bytes_max) {
    size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR)
      size = 1;
    else if (size > 0)
      text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  if (size < 0) {
    throw StartupError(path, "cannot be read (" + std::generic_category().message(errno) +
                                 "); accepted: a readable file");
  }
  if (text.size() > bytes_max) {
    throw StartupError(path, "longer than " + std::to_string(bytes_max) + " bytes; accepted: less");
  }
  return text;
}

}  // namespace modhost::host
