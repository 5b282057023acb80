// InboxFile: the files of an inbox before SQLite sees them: who may read them, and that only one
// host at a time has them. Closing it gives them up.
#pragma once

#include <cstdint>
#include <string>

#include "host/base/clock.h"
#include "host/base/fd.h"
#include "host/base/mutex.h"
#include "host/base/result.h"

namespace modhost::host {

class InboxFile {
 public:
  // Creates `path` (mode 0600) and its folder if they are not there, and takes the lock on
  // `path`.lock. kNotOwner: another host has it; the message names the lock file and, if it can be
  // read, the pid. kInvalid: it can not be created, or lies on a network file system, where
  // SQLite's WAL can not be trusted.
  static Result<InboxFile> open(const std::string& path);

 private:
  explicit InboxFile(Fd lock) : lock_(std::move(lock)) {}
  Fd lock_;
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
