#include "host/config/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "host/base/fd.h"
#include "host/base/startup_error.h"

namespace modhost::host {
namespace {

[[noreturn]] void refuseUnreadable(const std::string& path) {
  throw StartupError(path, "cannot be read (" + std::generic_category().message(errno) +
                               "); accepted: a readable file");
}

void requireTrusted(const std::string& path, const FileRights& rights) {
  const std::string fault = writersFault(rights, ownIds());
  if (!fault.empty()) throw StartupError(path, fault);
}

}  // namespace

TextFile readTextFile(const std::string& path, std::size_t bytes_max) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) refuseUnreadable(path);
  const auto rights = rightsOf(file.get());
  if (!rights) refuseUnreadable(path);
  requireTrusted(path, *rights);
  std::string text;
  std::array<char, 64 * 1024> buffer{};
  ssize_t size = 1;
  while (size > 0 && text.size() <= bytes_max) {
    size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR)
      size = 1;
    else if (size > 0)
      text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  if (size < 0) refuseUnreadable(path);
  if (text.size() > bytes_max) {
    throw StartupError(path, "longer than " + std::to_string(bytes_max) + " bytes; accepted: less");
  }
  return {std::move(text), *rights};
}

void requireTrustedFolder(const std::string& path) {
  if (const auto rights = rightsAt(path)) requireTrusted(path, *rights);
}

}  // namespace modhost::host
