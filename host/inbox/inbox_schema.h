// The tables of an inbox and the steps that lead to them; docs/inbox-format.md explains each
// column.
#pragma once

#include "host/base/result.h"
#include "host/inbox/database.h"

namespace modhost::host {

// What PRAGMA user_version says after all steps.
int inboxSchemaVersion();

// Brings the file to inboxSchemaVersion(), each step in a transaction of its own. kInvalid: a newer
// host wrote it. Throws SqlError.
Result<void> migrateInbox(Database& database);

}  // namespace modhost::host
