// InboxBackup: a copy of an inbox that a host can start with, taken beside the one that has it open.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "host/base/clock.h"
#include "host/base/result.h"

namespace modhost::host {

// What an inbox's file holds, as it keeps count of it.
struct InboxHoldings {
  std::int64_t waiting = 0, running = 0, closing = 0;  // deliveries
  std::int64_t dead = 0;                               // dead letters
  std::int64_t events = 0;                             // ids remembered, these included
  std::optional<WallTime> newest;                      // receipt of the latest event
};

// One short read transaction, also beside a host that has the file open. kInvalid: no inbox of this
// host's version; kCorrupt, kUnavailable: it can not be read.
Result<InboxHoldings> inboxHoldings(const std::string& path);

enum class Overwrite { kNo = 1, kYes };

// Copies all that was committed when it began to `target`: one file, mode 0600, complete and on
// disk when this returns, and under its name not before. Reads in one transaction, which commits of
// a running host are not held up by; its WAL grows meanwhile. What the copy holds is returned.
// Errors as above; kInvalid, too: `target` is there and may not be overwritten, a WAL or journal
// lies beside it, its folder can not be written, or the WAL of `path` is missing (InboxFile).
// kUnavailable, too: no room, or another backup to `target` is at work. Nothing is left of a copy
// that failed.
Result<InboxHoldings> backupInbox(const std::string& path, const std::string& target,
                                  Overwrite overwrite);

}  // namespace modhost::host
