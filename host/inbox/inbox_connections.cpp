#include "host/inbox/inbox_connections.h"

#include "host/inbox/group_commit.h"
#include "host/inbox/inbox_schema.h"

namespace modhost::host {

std::unique_ptr<Database> connect(const SqliteInboxSettings& settings) {
  auto database = std::make_unique<Database>(settings.path, settings.vfs, kWriterBusyMs);
  database->run("PRAGMA temp_store = MEMORY");
  database->run("PRAGMA cache_size = -8192");  // KiB; the index over ids is hit at random
  database->run("PRAGMA wal_autocheckpoint = 0");
  return database;
}

Result<std::unique_ptr<Database>> connectWriter(const SqliteInboxSettings& settings) {
  std::unique_ptr<Database> database = connect(settings);
  if (database->ask("PRAGMA journal_mode = WAL") != "wal") {
    return Error{ErrorKind::kInvalid, "its journal mode can not be set to WAL"};
  }
  database->run("PRAGMA synchronous = FULL");
  if (database->ask("PRAGMA synchronous") != "2") {
    return Error{ErrorKind::kInvalid, "its commits can not be made to wait for the disk"};
  }
  database->run("PRAGMA secure_delete = FAST");
  database->run("PRAGMA journal_size_limit = 67108864");
  if (Result<void> migrated = migrateInbox(*database); !migrated) return migrated.takeError();
  return database;
}

std::unique_ptr<Database> connectReader(const SqliteInboxSettings& settings) {
  std::unique_ptr<Database> database = connect(settings);
  database->run("PRAGMA query_only = ON");
  return database;
}

}  // namespace modhost::host
