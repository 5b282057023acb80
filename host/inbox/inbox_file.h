// InboxFile: the files of an inbox before SQLite sees them: who may read them, and that only one
// host at a time has them. Closing it gives them up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "host/base/clock.h"
#include "host/base/fd.h"
#include "host/base/mutex.h"
#include "host/base/result.h"

namespace modhost::host {

inline constexpr Milliseconds kHostEndsWithin{2'000};

class InboxFile {
 public:
  // Creates `path` (mode 0600) and its folder if they are not there, and takes the locks: on
  // `path`.lock, which names the owner's pid, and on the database itself, which another name for it
  // (a link) or a deleted lock file does not get around.
  // kNotOwner: another host has it; the message names the lock file and, if it can be read, the
  // pid. kInvalid: it can not be created, lies on a network file system, where SQLite's WAL can not
  // be trusted, or its last host did not end cleanly and the WAL, which then holds its latest
  // commits, is missing.
  static Result<InboxFile> open(const std::string& path);

  // That last one alone, for who reads the file beside the host that may have it. A host that ends in
  // order is without its WAL for a moment, and looks like a killed one: that is waited out, for
  // kHostEndsWithin at most.
  static Result<void> requireWhole(const std::string& path);

  InboxFile(InboxFile&&) = default;
  ~InboxFile();

  // The database and its WAL are there and stay until markClean(): from now on a missing one means
  // that somebody took it away.
  Result<void> markInUse();
  // The database was closed in order: all of it is in the one file.
  void markClean() { clean_ = true; }

  // Whether `path` still leads to the files that are written to. Not ok: they were deleted or
  // replaced, and what is committed from now on would be gone with this process. Two calls of the
  // system; after markInUse(), any thread.
  Result<void> inPlace() const;

  // After inPlace() said no, for what is left of the files under their names.
  bool databaseIsThere() const;  // somebody's: it is not ours
  bool ownsDatabase() const;
  // Renames our WAL, if it still has its name, so that no other database meets it.
  void setWalAside() const;

 private:
  struct Id {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    bool operator==(const Id&) const = default;
  };
  InboxFile(std::string path, Fd lock, Fd database);
  static Result<void> requireWal(const std::string& path, const std::string& last_owner);
  static std::optional<Id> idOf(const std::string& path);

  std::string path_;
  std::string wal_path_;
  Fd lock_;
  Fd database_;  // held for its flock; closing it drops SQLite's own locks, so it goes last
  std::optional<Id> database_id_;
  std::optional<Id> wal_id_;
  bool clean_ = false;
};

// Whether the file system of a path is below its reserve; asks it at most once per
// kDiskCheckPeriod. Threads: any.
class DiskSpace {
 public:
  DiskSpace(std::string path, std::int64_t free_min_bytes, const Clock& clock);
  bool isLow();

 private:
  const std::string path_;
  const std::int64_t free_min_bytes_;
  const Clock& clock_;

  Mutex mutex_;
  SteadyTime checked_at_ GUARDED_BY(mutex_){};
  bool low_ GUARDED_BY(mutex_) = false;
};

inline constexpr Milliseconds kDiskCheckPeriod{1'000};

}  // namespace modhost::host
