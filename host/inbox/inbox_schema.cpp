#include "host/inbox/inbox_schema.h"

#include <iterator>
#include <string>

namespace modhost::host {
namespace {

// A step is never edited once it was released: a file in the field has run it already. Append the
// next one.
constexpr const char* kSteps[] = {
    R"sql(
CREATE TABLE inbox(
  one INTEGER PRIMARY KEY CHECK(one = 1),
  epoch INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  last_dead_number INTEGER NOT NULL,
  waiting INTEGER NOT NULL,
  running INTEGER NOT NULL,
  closing INTEGER NOT NULL,
  done INTEGER NOT NULL,
  dead INTEGER NOT NULL,
  events INTEGER NOT NULL,
  ambiguous_creates INTEGER NOT NULL
) STRICT;
INSERT INTO inbox VALUES(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

CREATE TABLE target(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE event(
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  received_ms INTEGER NOT NULL,
  open INTEGER NOT NULL,
  dead INTEGER NOT NULL,
  answer INTEGER NOT NULL
) STRICT;

CREATE TABLE body(seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;

CREATE TABLE delivery(
  target INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  state INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  interruptions INTEGER NOT NULL,
  unclean_exits INTEGER NOT NULL,
  in_process INTEGER NOT NULL,
  begun INTEGER NOT NULL,
  due_ms INTEGER NOT NULL,
  end INTEGER,
  answer_from_ms INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  company INTEGER NOT NULL,
  PRIMARY KEY(target, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_running ON delivery(target, seq) WHERE state = 2;

CREATE TABLE attempt_record(
  seq INTEGER NOT NULL,
  target INTEGER NOT NULL,
  nth INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  end INTEGER NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY(seq, target, nth)
) STRICT, WITHOUT ROWID;

CREATE TABLE step(
  seq INTEGER NOT NULL,
  target INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  ord INTEGER NOT NULL,
  nth INTEGER NOT NULL,
  log_id TEXT NOT NULL,
  state INTEGER NOT NULL,
  ambiguous INTEGER NOT NULL,
  PRIMARY KEY(seq, target, message_id, ord, nth)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letter(
  number INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,
  target INTEGER NOT NULL,
  died_ms INTEGER NOT NULL,
  end INTEGER NOT NULL,
  why TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  interruptions INTEGER NOT NULL,
  begun INTEGER NOT NULL,
  UNIQUE(seq, target)
) STRICT;
)sql",
    R"sql(
CREATE TABLE trace(seq INTEGER PRIMARY KEY, parent TEXT NOT NULL) STRICT;
)sql",
};

}  // namespace

int inboxSchemaVersion() { return static_cast<int>(std::size(kSteps)); }

Result<void> migrateInbox(Database& database) {
  const int found = std::stoi(database.ask("PRAGMA user_version"));
  if (found < 0 || found > inboxSchemaVersion()) {
    return Error{ErrorKind::kInvalid,
                 "its schema version is " + std::to_string(found) + ", this host knows up to " +
                     std::to_string(inboxSchemaVersion()) + ": start the newer host that wrote it"};
  }
  if (found == 0 && database.ask("SELECT count(*) FROM sqlite_schema") != "0") {
    return Error{ErrorKind::kInvalid, "is a database of something else"};
  }
  for (int step = found; step < inboxSchemaVersion(); ++step) {
    database.run("BEGIN IMMEDIATE");
    database.run(kSteps[step]);
    database.run("PRAGMA user_version = " + std::to_string(step + 1));
    database.run("COMMIT");
  }
  return {};
}

}  // namespace modhost::host
