#include "line_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace message_logger {
namespace {

[[noreturn]] void throwErrno(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

}  // namespace

LineFile::LineFile(const std::string& path) : path_(std::filesystem::absolute(path).string()) {
  open();
}

LineFile::~LineFile() { close(); }

void LineFile::append(const std::string& line) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (fd_ < 0 || wasMovedAway()) open();
  const std::string bytes = (inside_line_ ? "\n" : "") + line + "\n";
  ssize_t written = -1;
  do {
    written = ::write(fd_, bytes.data(), bytes.size());
  } while (written < 0 && errno == EINTR);
  if (written < 0) throwErrno(errno, "cannot write the message log");
  inside_line_ = static_cast<std::size_t>(written) != bytes.size();
  if (inside_line_) throwErrno(ENOSPC, "the message log took only a part of a record");
}

void LineFile::open() {
  close();
  // Readable too, to see how it ends.
  fd_ = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd_ < 0) throwErrno(errno, "cannot open the message log");
  inside_line_ = endsInsideLine();
}

void LineFile::close() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool LineFile::wasMovedAway() const {
  struct stat by_path {
  }, by_descriptor{};
  if (::stat(path_.c_str(), &by_path) != 0 || ::fstat(fd_, &by_descriptor) != 0) return true;
  return by_path.st_ino != by_descriptor.st_ino || by_path.st_dev != by_descriptor.st_dev;
}

// What a process that died in the middle of a write left behind.
bool LineFile::endsInsideLine() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0 || status.st_size == 0) return false;
  char last = '\n';
  return ::pread(fd_, &last, 1, status.st_size - 1) == 1 && last != '\n';
}

}  // namespace message_logger
