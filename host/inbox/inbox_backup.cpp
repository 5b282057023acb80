// SQLite's backup in one step: pages are read in one transaction, so that the copy is the database
// of one moment however much is committed meanwhile. (In several steps it would begin anew after
// each commit of another process.) The copy leaves WAL mode, so that it is one file; a host that
// opens it sets the mode again.
#include "host/inbox/inbox_backup.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "host/base/fd.h"
#include "host/inbox/database.h"
#include "host/inbox/inbox_file.h"
#include "host/inbox/inbox_schema.h"

namespace modhost::host {
namespace {

constexpr int kBusyMs = 5'000;
constexpr mode_t kMode = 0600;
constexpr char kPartial[] = ".partial";

Error about(const std::string& path, const SqlError& error) {
  return {toError(error).kind, "inbox " + path + ": " + error.what()};
}

Error refusedByErrno(const std::string& path, const char* what) {
  return {errno == ENOSPC || errno == EDQUOT ? ErrorKind::kUnavailable : ErrorKind::kInvalid,
          path + ": " + what + ": " + std::strerror(errno)};
}

InboxHoldings holdingsOf(Database& database) {
  Statement statement(database,
                      "SELECT waiting, running, closing, dead, events, "
                      "(SELECT received_ms FROM event ORDER BY seq DESC LIMIT 1) FROM inbox");
  Rows rows = statement.rows();
  if (!rows.next()) throw SqlError(SqlFault::kFatal, "the table inbox is empty");
  InboxHoldings holdings{rows.integer(0), rows.integer(1), rows.integer(2),
                         rows.integer(3), rows.integer(4), std::nullopt};
  if (const auto newest = rows.maybeInteger(5)) holdings.newest = WallTime(Milliseconds(*newest));
  return holdings;
}

void requireInbox(Database& database) {
  const std::string version = database.ask("PRAGMA user_version");
  if (version == std::to_string(inboxSchemaVersion())) return;
  throw SqlError(SqlFault::kRefused, "its schema version is " + version + ", this is " +
                                         std::to_string(inboxSchemaVersion()));
}

void copyPages(Database& from, Database& to) {
  const auto finish = [](sqlite3_backup* backup) { sqlite3_backup_finish(backup); };
  std::unique_ptr<sqlite3_backup, decltype(finish)> backup(
      sqlite3_backup_init(to.raw(), "main", from.raw(), "main"), finish);
  const int code = backup ? sqlite3_backup_step(backup.get(), -1) : sqlite3_errcode(to.raw());
  backup.reset();
  if (code == SQLITE_DONE) return;
  const bool full = (code & 0xff) == SQLITE_FULL;
  throw SqlError(
      full || (code & 0xff) == SQLITE_BUSY ? SqlFault::kPassing : SqlFault::kFatal,
      std::string("sqlite: ") + sqlite3_errstr(code) + " (" + std::to_string(code) + ")");
}

// Its own syncs are left out: syncFile() does it once.
InboxHoldings copy(const std::string& path, const std::string& partial) {
  Database from(path, "", kBusyMs);
  from.run("PRAGMA query_only = ON");
  requireInbox(from);
  Database to(partial, "", kBusyMs);
  to.run("PRAGMA synchronous = OFF");
  to.run("PRAGMA journal_mode = OFF");
  copyPages(from, to);
  if (to.ask("PRAGMA journal_mode = DELETE") != "delete") {
    throw SqlError(SqlFault::kFatal, "the copy can not be taken out of WAL mode");
  }
  return holdingsOf(to);
}

bool sync(const std::string& path, int flags) {
  const Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
  return fd.valid() && ::fsync(fd.get()) == 0;
}

std::string folderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// A link is made under the name only when there is none; a rename would replace what is there.
Result<void> publish(const std::string& partial, const std::string& target, Overwrite overwrite) {
  if (!sync(partial, O_RDWR)) return refusedByErrno(target, "cannot be put on disk");
  const bool named = overwrite == Overwrite::kYes ? ::rename(partial.c_str(), target.c_str()) == 0
                                                  : ::link(partial.c_str(), target.c_str()) == 0;
  if (!named && errno == EEXIST) {
    return Error{ErrorKind::kInvalid, target +
                                          ": is there already; accepted: another name, or "
                                          "--force to replace it"};
  }
  if (!named) return refusedByErrno(target, "cannot get its name");
  if (overwrite == Overwrite::kNo) ::unlink(partial.c_str());
  if (!sync(folderOf(target), O_RDONLY | O_DIRECTORY)) {
    return refusedByErrno(target, "its folder cannot be put on disk");
  }
  return {};
}

bool isSameFile(const std::string& a, const std::string& b) {
  struct stat first {
  }, second{};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// What SQLite would take for a part of the copy, and mix into it.
Result<void> refuseCompanions(const std::string& target) {
  for (const std::string& file : {target + "-wal", target + "-journal"}) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0 || status.st_size == 0) continue;
    return Error{ErrorKind::kInvalid, file +
                                          ": is there, and would be taken for a part of the copy; "
                                          "accepted: another name"};
  }
  return {};
}

Result<void> refuseTarget(const std::string& path, const std::string& target, Overwrite overwrite) {
  if (isSameFile(path, target)) {
    return Error{ErrorKind::kInvalid, target + ": is the inbox itself; accepted: another name"};
  }
  struct stat status {};
  const bool is_there = ::lstat(target.c_str(), &status) == 0;
  if (is_there && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode)) {
    return Error{ErrorKind::kInvalid, target + ": is there and no file; accepted: another name"};
  }
  if (!is_there || overwrite == Overwrite::kYes) return refuseCompanions(target);
  return Error{ErrorKind::kInvalid,
               target + ": is there already; accepted: another name, or --force to replace it"};
}

// Of the file that has the name, nobody else.
bool lockNamed(const Fd& file, const std::string& path) {
  struct stat named {
  }, held{};
  return ::flock(file.get(), LOCK_EX | LOCK_NB) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         ::fstat(file.get(), &held) == 0 && named.st_dev == held.st_dev &&
         named.st_ino == held.st_ino;
}

// A copy that was killed left it unlocked. Only who has its lock may take its name away, so that
// nobody publishes what another has just begun.
Result<Fd> takePartial(const std::string& partial) {
  const Error taken{ErrorKind::kUnavailable, partial + ": another backup writes it; wait for that"};
  const Fd left(::open(partial.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (left.valid() && !lockNamed(left, partial)) return taken;
  if (left.valid()) ::unlink(partial.c_str());
  Fd made(::open(partial.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kMode));
  if (!made.valid()) return refusedByErrno(partial, "cannot be made");
  if (!lockNamed(made, partial)) return taken;
  return made;
}

Result<InboxHoldings> copyThenPublish(const std::string& path, const std::string& partial,
                                      const std::string& target, Overwrite overwrite) {
  try {
    const InboxHoldings holdings = copy(path, partial);
    if (Result<void> done = publish(partial, target, overwrite); !done) return done.takeError();
    return holdings;
  } catch (const SqlError& error) {
    return about(path, error);
  }
}

}  // namespace

Result<InboxHoldings> inboxHoldings(const std::string& path) {
  try {
    Database database(path, "", kBusyMs);
    database.run("PRAGMA query_only = ON");
    requireInbox(database);
    return holdingsOf(database);
  } catch (const SqlError& error) {
    return about(path, error);
  }
}

Result<InboxHoldings> backupInbox(const std::string& path, const std::string& target,
                                  Overwrite overwrite) {
  if (Result<void> fits = refuseTarget(path, target, overwrite); !fits) return fits.takeError();
  if (Result<void> whole = InboxFile::requireWhole(path); !whole) return whole.takeError();
  const std::string partial = target + kPartial;
  const Result<Fd> made = takePartial(partial);
  if (!made) return made.error();
  Result<InboxHoldings> holdings = copyThenPublish(path, partial, target, overwrite);
  if (!holdings) ::unlink(partial.c_str());
  return holdings;
}

}  // namespace modhost::host
