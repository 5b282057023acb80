#include "host/inbox/inbox_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "host/base/log.h"

namespace modhost::host {
namespace {

constexpr mode_t kMode = 0600;

Error refused(const std::string& path, const std::string& what) {
  return {ErrorKind::kInvalid, "inbox " + path + ": " + what};
}

Error refusedByErrno(const std::string& path, const char* what) {
  return refused(path, std::string(what) + ": " + std::strerror(errno));
}

bool isNetwork(decltype(std::declval<struct statfs>().f_type) type) {
  switch (static_cast<std::uint32_t>(type)) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC:
      return true;
    default:
      return false;
  }
}

// SQLite gives the -wal and -shm files the mode of this one. Must be closed again before SQLite
// opens it: closing any descriptor of a file drops the process's own locks on it.
Result<void> createPrivate(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode));
  if (!file.valid()) return refusedByErrno(path, "cannot be opened");
  if (::fchmod(file.get(), kMode) != 0) return refusedByErrno(path, "cannot be made private");
  struct statfs system {};
  if (::fstatfs(file.get(), &system) != 0)
    return refusedByErrno(path, "its file system is unknown");
  if (isNetwork(system.f_type)) return refused(path, "lies on a network file system");
  return {};
}

std::string holder(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size() - 1, 0);
  return size > 0 ? " (pid " + std::string(text.data(), static_cast<std::size_t>(size)) + ")" : "";
}

}  // namespace

Result<InboxFile> InboxFile::open(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code failed;
  if (!folder.empty()) std::filesystem::create_directories(folder, failed);
  if (failed) return refused(path, "its folder cannot be created: " + failed.message());

  const std::string lock_path = path + ".lock";
  Fd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode));
  if (!lock.valid()) return refusedByErrno(lock_path, "cannot be opened");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return refusedByErrno(lock_path, "cannot be locked");
    return Error{ErrorKind::kNotOwner, "inbox " + path + ": another host" + holder(lock.get()) +
                                           " has it; it holds the lock on " + lock_path};
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), pid.data(), pid.size(), 0) < 0) {
    return refusedByErrno(lock_path, "cannot be written");
  }
  if (Result<void> created = createPrivate(path); !created) return created.takeError();
  return InboxFile(std::move(lock));
}

DiskSpace::DiskSpace(std::string path, std::int64_t free_min_bytes, const Clock& clock)
    : path_(std::move(path)), free_min_bytes_(free_min_bytes), clock_(clock) {}

bool DiskSpace::isLow() {
  MutexLock lock(mutex_);
  const SteadyTime now = clock_.steadyNow();
  if (checked_at_ != SteadyTime{} && now - checked_at_ < kDiskCheckPeriod) return low_;
  checked_at_ = now;
  struct statvfs space {};
  if (::statvfs(path_.c_str(), &space) != 0) return low_;
  const auto free_bytes =
      static_cast<std::int64_t>(space.f_bavail) * static_cast<std::int64_t>(space.f_frsize);
  const bool was_low = std::exchange(low_, free_bytes < free_min_bytes_);
  if (low_ && !was_low) {
    logWarn("inbox", "the disk is nearly full, new events are refused",
            {{"free_bytes", free_bytes}, {"disk_free_min_bytes", free_min_bytes_}});
  }
  return low_;
}

}  // namespace modhost::host
