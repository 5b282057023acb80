#include "host/config/text_file.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
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

// One whose writer says nothing for so long would hold up a start for ever, and every reload with it.
constexpr int kPipeSilenceMs = 5'000;

// As read(2), of what was opened without blocking.
ssize_t readSome(int fd, std::span<char> buffer) {
  pollfd readable{fd, POLLIN, 0};
  ssize_t size = ::read(fd, buffer.data(), buffer.size());
  while (size < 0 && (errno == EINTR || errno == EAGAIN)) {
    if (errno == EAGAIN && ::poll(&readable, 1, kPipeSilenceMs) == 0) {
      errno = ETIMEDOUT;
      return -1;
    }
    size = ::read(fd, buffer.data(), buffer.size());
  }
  return size;
}

}  // namespace

// Not blocking, since opening a named pipe would wait for its writer.
TextFile readTextFile(const std::string& path, std::size_t bytes_max) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) refuseUnreadable(path);
  const auto rights = rightsOf(file.get());
  if (!rights) refuseUnreadable(path);
  requireTrusted(path, *rights);
  std::string text;
  std::array<char, 64 * 1024> buffer{};
  ssize_t size = 1;
  while (size > 0 && text.size() <= bytes_max) {
    size = readSome(file.get(), buffer);
    if (size > 0) text.append(buffer.data(), static_cast<std::size_t>(size));
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
