// FileSystem: whether SQLite's promises hold where an inbox lies. Its WAL needs shared memory between
// processes, locks that count, and an fsync that means on disk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "host/base/result.h"

namespace modhost::host {

enum class FileSystemTrust {
  kSound = 1,
  kDoubtful,  // it works, but `why` may cost what was acknowledged
  kRefused,   // a network file system
};

struct FileSystemVerdict {
  FileSystemTrust trust = FileSystemTrust::kSound;
  std::string why;  // as the end of "lies on …"; empty when sound
};

// `magic` as statfs() tells it; `type` as mountinfo names it ("fuse.sshfs"), needed for FUSE alone,
// where one magic stands for local and remote ones.
FileSystemVerdict fileSystemVerdict(std::uint32_t magic, std::string_view type);

// Of the file or folder at `path`. kInvalid: it can not be asked.
Result<FileSystemVerdict> fileSystemOf(const std::string& path);

}  // namespace modhost::host
