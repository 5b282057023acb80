#include "host/inbox/inbox_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "host/base/log.h"
#include "host/inbox/file_system.h"

namespace modhost::host {
namespace {

constexpr mode_t kMode = 0600;
constexpr Milliseconds kLookAgainEvery{10};

Error refused(const std::string& path, const std::string& what) {
  return {ErrorKind::kInvalid, "inbox " + path + ": " + what};
}

Error refusedByErrno(const std::string& path, const char* what) {
  return refused(path, std::string(what) + ": " + std::strerror(errno));
}

// SQLite gives the -wal and -shm files the mode of this one.
Result<Fd> openPrivate(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode));
  if (!file.valid()) return refusedByErrno(path, "cannot be opened");
  if (::fchmod(file.get(), kMode) != 0) return refusedByErrno(path, "cannot be made private");
  const Result<FileSystemVerdict> verdict = fileSystemOf(path);
  if (!verdict) return refused(path, verdict.error().message);
  if (verdict.value().trust == FileSystemTrust::kRefused) {
    return refused(path, "lies on " + verdict.value().why + "; accepted: a local disk");
  }
  return file;
}

// The lock file holds its owner's pid and, from when the database is open until it was closed in
// order, the word in use.
constexpr std::string_view kInUse = " in use";

std::string textOf(const Fd& file) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
  return {text.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
}

bool replaceText(const Fd& file, const std::string& text) {
  if (::ftruncate(file.get(), 0) != 0) return false;
  return ::pwrite(file.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

std::string holder(const Fd& lock) {
  const std::string text = textOf(lock);
  const std::string pid = text.substr(0, text.find(' '));
  return pid.empty() ? "" : " (pid " + pid + ")";
}

// nullopt: somebody else has it.
Result<bool> locked(const Fd& file, const std::string& path) {
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return refusedByErrno(path, "cannot be locked");
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
  const Result<bool> named = locked(lock, lock_path);
  if (!named) return named.error();
  if (!named.value()) {
    return Error{ErrorKind::kNotOwner, "inbox " + path + ": another host" + holder(lock) +
                                           " has it; it holds the lock on " + lock_path};
  }
  if (Result<void> whole = requireWal(path, textOf(lock)); !whole) return whole.takeError();
  Result<Fd> database = openPrivate(path);
  if (!database) return database.takeError();
  const Result<bool> owned = locked(database.value(), path);
  if (!owned) return owned.error();
  if (!owned.value()) {
    return Error{ErrorKind::kNotOwner,
                 "inbox " + path + ": another host has it open, under another name or after " +
                     lock_path + " was deleted (fuser " + path + " names it)"};
  }
  if (!replaceText(lock, std::to_string(::getpid()))) {
    return refusedByErrno(lock_path, "cannot be written");
  }
  return InboxFile(path, std::move(lock), database.take());
}

Result<void> InboxFile::requireWal(const std::string& path, const std::string& last_owner) {
  if (last_owner.find(kInUse) == std::string::npos) return {};
  struct stat status {};
  const auto missing = [&](const std::string& file) {
    return ::stat(file.c_str(), &status) != 0 || status.st_size == 0;
  };
  for (const std::string& file : {path, path + "-wal"}) {
    if (!missing(file)) continue;
    return refused(path, "its last host did not end cleanly, so that " + path + " and " + path +
                             "-wal belong together, but " + file +
                             " is missing or empty: put it back, or delete " + path +
                             ".lock to go on without what it held");
  }
  return {};
}

Result<void> InboxFile::requireWhole(const std::string& path) {
  const auto look = [&path]() -> Result<void> {
    const Fd lock(::open((path + ".lock").c_str(), O_RDONLY | O_CLOEXEC));
    return lock.valid() ? requireWal(path, textOf(lock)) : Result<void>();
  };
  const SteadyTime until = std::chrono::steady_clock::now() + kHostEndsWithin;
  Result<void> whole = look();
  while (!whole && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kLookAgainEvery);
    whole = look();
  }
  return whole;
}

std::optional<InboxFile::Id> InboxFile::idOf(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return Id{status.st_dev, status.st_ino};
}

InboxFile::InboxFile(std::string path, Fd lock, Fd database)
    : path_(std::move(path)),
      wal_path_(path_ + "-wal"),
      lock_(std::move(lock)),
      database_(std::move(database)) {}

InboxFile::~InboxFile() {
  if (clean_ && lock_.valid()) replaceText(lock_, "");
}

Result<void> InboxFile::markInUse() {
  database_id_ = idOf(path_);
  wal_id_ = idOf(wal_path_);
  const std::string text = std::to_string(::getpid()) + std::string(kInUse);
  if (!replaceText(lock_, text)) return refusedByErrno(path_ + ".lock", "cannot be written");
  return inPlace();
}

Result<void> InboxFile::inPlace() const {
  const auto check = [](const std::string& file, const std::optional<Id>& id) -> Result<void> {
    const std::optional<Id> now = idOf(file);
    if (now && now == id) return {};
    return Error{ErrorKind::kCorrupt,
                 file + " was " + (now ? "replaced" : "deleted") + " while the host had it open"};
  };
  Result<void> database = check(path_, database_id_);
  return database ? check(wal_path_, wal_id_) : database;
}

bool InboxFile::databaseIsThere() const { return idOf(path_).has_value(); }

bool InboxFile::ownsDatabase() const { return databaseIsThere() && idOf(path_) == database_id_; }

void InboxFile::setWalAside() const {
  const std::optional<Id> wal = idOf(wal_path_);
  if (!wal || wal != wal_id_) return;
  const std::string aside = wal_path_ + ".aside";
  if (::rename(wal_path_.c_str(), aside.c_str()) != 0) {
    logError("inbox", "the WAL of a database that is gone can not be renamed",
             {{"file", wal_path_}, {"error", std::strerror(errno)}});
  }
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
  if (!low_ && was_low) logInfo("inbox", "the disk has room again, events are taken");
  if (low_ && !was_low) {
    logWarn("inbox", "the disk is nearly full, new events are refused",
            {{"free_bytes", free_bytes}, {"disk_free_min_bytes", free_min_bytes_}});
  }
  return low_;
}

}  // namespace modhost::host
