// The connections of an inbox to its file, each with the pragmas of what it is for. All throw
// SqlError.
#pragma once

#include <memory>

#include "host/base/result.h"
#include "host/inbox/database.h"
#include "host/inbox/sqlite_inbox.h"

namespace modhost::host {

// For checkpoints.
std::unique_ptr<Database> connect(const SqliteInboxSettings& settings);
// The one that writes; brings the file's schema up to date. kInvalid: it is no inbox of this host's,
// or cannot be in WAL mode.
Result<std::unique_ptr<Database>> connectWriter(const SqliteInboxSettings& settings);
std::unique_ptr<Database> connectReader(const SqliteInboxSettings& settings);

}  // namespace modhost::host
