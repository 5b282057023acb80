#include "host/inbox/inbox_check.h"

#include "host/inbox/database.h"
#include "host/inbox/inbox_file.h"
#include "host/inbox/inbox_schema.h"

namespace modhost::host {
namespace {

constexpr int kBusyMs = 5'000;

// Each query gives a row per fault: what is wrong, as a sentence.
constexpr const char* kQueries[] = {
    // The kept counts.
    "SELECT 'counted ' || kept || ' deliveries in state ' || state || ', but there are ' || found "
    "FROM (SELECT 1 AS state, waiting AS kept, "
    "             (SELECT count(*) FROM delivery WHERE state = 1) AS found FROM inbox "
    "UNION ALL SELECT 2, running, (SELECT count(*) FROM delivery WHERE state = 2) FROM inbox "
    "UNION ALL SELECT 3, closing, (SELECT count(*) FROM delivery WHERE state = 3) FROM inbox) "
    "WHERE kept <> found",
    "SELECT 'counted ' || dead || ' dead letters, but there are ' || found FROM "
    "(SELECT dead, (SELECT count(*) FROM dead_letter) AS found FROM inbox) WHERE dead <> found",
    "SELECT 'counted ' || events || ' events, but there are ' || found FROM "
    "(SELECT events, (SELECT count(*) FROM event) AS found FROM inbox) WHERE events <> found",
    "SELECT 'the table inbox has ' || n || ' rows' FROM (SELECT count(*) AS n FROM inbox) "
    "WHERE n <> 1",
    "SELECT 'the last number given out is ' || last_seq || ', but event ' || newest || ' exists' "
    "FROM (SELECT last_seq, (SELECT max(seq) FROM event) AS newest FROM inbox) "
    "WHERE newest > last_seq",
    "SELECT 'the last dead letter is ' || last_dead_number || ', but ' || newest || ' exists' FROM "
    "(SELECT last_dead_number, (SELECT max(number) FROM dead_letter) AS newest FROM inbox) "
    "WHERE newest > last_dead_number",
    // Each event's own counts.
    "SELECT 'event ' || e.seq || ' counts ' || e.open || ' open deliveries, but has ' || "
    "       coalesce(d.n, 0) FROM event e "
    "LEFT JOIN (SELECT seq, count(*) AS n FROM delivery GROUP BY seq) d ON d.seq = e.seq "
    "WHERE e.open <> coalesce(d.n, 0)",
    "SELECT 'event ' || e.seq || ' counts ' || e.dead || ' dead letters, but has ' || "
    "       coalesce(d.n, 0) FROM event e "
    "LEFT JOIN (SELECT seq, count(*) AS n FROM dead_letter GROUP BY seq) d ON d.seq = e.seq "
    "WHERE e.dead <> coalesce(d.n, 0)",
    // What belongs to what.
    "SELECT 'event ' || seq || ' is not ended, but has no body' FROM event "
    "WHERE open + dead > 0 AND seq NOT IN (SELECT seq FROM body)",
    "SELECT 'the delivery of event ' || seq || ' to target ' || target || ' has no event' "
    "FROM delivery WHERE seq NOT IN (SELECT seq FROM event)",
    "SELECT 'the delivery of event ' || seq || ' is for the unknown target ' || target "
    "FROM delivery WHERE target NOT IN (SELECT id FROM target)",
    "SELECT 'the delivery of event ' || seq || ' to target ' || target || ' is in state ' || state "
    "FROM delivery WHERE state NOT IN (1, 2, 3)",
    "SELECT 'dead letter ' || number || ' has no event' FROM dead_letter "
    "WHERE seq NOT IN (SELECT seq FROM event)",
    "SELECT 'body ' || seq || ' has no event' FROM body WHERE seq NOT IN (SELECT seq FROM event)",
    "SELECT DISTINCT 'steps of event ' || seq || ' are there, but it has ended' FROM step "
    "WHERE seq NOT IN (SELECT seq FROM event WHERE open + dead > 0)",
    "SELECT DISTINCT 'attempt records of event ' || seq || ' are there, but it has ended' "
    "FROM attempt_record WHERE seq NOT IN (SELECT seq FROM event WHERE open + dead > 0)",
    "SELECT 'a trace of event ' || seq || ' is there, but it has ended' FROM trace "
    "WHERE seq NOT IN (SELECT seq FROM event WHERE open + dead > 0)",
};

void appendRows(Database& database, const std::string& sql, std::vector<std::string>& faults) {
  Statement statement(database, sql + " LIMIT " + std::to_string(kCheckFaultsMax));
  Rows rows = statement.rows();
  while (rows.next()) faults.push_back(rows.text(0));
}

void checkPages(Database& database, std::vector<std::string>& faults) {
  Statement statement(database, "PRAGMA integrity_check(" + std::to_string(kCheckFaultsMax) + ")");
  Rows rows = statement.rows();
  while (rows.next()) {
    if (rows.text(0) != "ok") faults.push_back(rows.text(0));
  }
}

}  // namespace

Result<std::vector<std::string>> checkInbox(const std::string& path) {
  if (Result<void> whole = InboxFile::requireWhole(path); !whole) return whole.takeError();
  try {
    std::vector<std::string> faults;
    Database database(path, "", kBusyMs);
    const int version = std::stoi(database.ask("PRAGMA user_version"));
    if (version != inboxSchemaVersion()) {
      return Error{ErrorKind::kInvalid, "inbox " + path + ": its schema version is " +
                                            std::to_string(version) + ", this is " +
                                            std::to_string(inboxSchemaVersion())};
    }
    database.run("BEGIN");
    checkPages(database, faults);
    for (const char* query : kQueries) appendRows(database, query, faults);
    database.run("COMMIT");
    return faults;
  } catch (const SqlError& error) {
    return Error{toError(error).kind, "inbox " + path + ": " + error.what()};
  }
}

}  // namespace modhost::host
