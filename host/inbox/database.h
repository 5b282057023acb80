// Database, Statement and Rows: small owners of SQLite's handles. Internal to this folder: they
// throw SqlError, which the folder's own callers turn into a Result.
//
// Threads: none of these is shared without its owner's lock.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "host/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace modhost::host {

// What a failed call means for the inbox.
enum class SqlFault {
  kPassing = 1,  // disk full, busy, out of memory: nothing was changed, it may work later
  kFatal,        // I/O error, damaged file: what is on disk cannot be known any more
  kRefused,      // this one statement with these values can never work
};

struct SqlError : std::runtime_error {
  SqlError(SqlFault f, const std::string& what) : std::runtime_error(what), fault(f) {}
  SqlFault fault;
};

// kUnavailable, kCorrupt or kInvalid.
Error toError(const SqlError& error);

class Database {
 public:
  // Opens `path`, which must exist. `vfs` is a registered VFS, empty for SQLite's own. BUSY is
  // waited out for `busy_ms`.
  Database(const std::string& path, const std::string& vfs, int busy_ms);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs statements that return nothing of interest.
  void run(const std::string& sql);
  // The first column of the first row: a pragma's answer.
  std::string ask(const std::string& sql);
  // Rolls back what is open, if anything is. Never throws: after a failure there is nothing better
  // to do.
  void rollback();
  void setBusyTimeout(int busy_ms);
  // Copies committed pages from the WAL into the database. `restart`: also waits out readers, so
  // that the next commit starts the WAL from its beginning; false: it was busy, and the WAL goes on
  // growing.
  bool checkpoint(bool restart);
  // Whether closing the last connection copies the WAL into the database and deletes it. Off until
  // asked for: a WAL whose fsync failed is only to be read by the next opening, which checks every
  // frame of it.
  void checkpointOnClose(bool on);

  sqlite3* raw() const { return db_; }

 private:
  sqlite3* db_ = nullptr;
};

// A value for a BLOB column; a string_view is TEXT.
struct Blob {
  std::string_view bytes;
};

// The rows of one run of a Statement, which is reset when they go.
class Rows {
 public:
  explicit Rows(sqlite3_stmt* statement) : statement_(statement) {}
  ~Rows();
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  // Steps to the next row; false after the last.
  bool next();
  std::int64_t integer(int column) const;
  std::optional<std::int64_t> maybeInteger(int column) const;
  // Text or blob.
  std::string text(int column) const;

 private:
  sqlite3_stmt* statement_;
};

class Statement {
 public:
  Statement(Database& database, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Binds ?1, ?2 … in order. The values must live as long as the Rows.
  template <typename... Values>
  Rows rows(const Values&... values) {
    int position = 0;
    (bind(++position, values), ...);
    return Rows(statement_);
  }
  // Runs to the end. How many rows an INSERT, UPDATE or DELETE changed; a RETURNING clause would
  // tell it too, by way of a temporary table per run.
  template <typename... Values>
  int run(const Values&... values) {
    Rows all = rows(values...);
    while (all.next()) continue;
    return changed();
  }

 private:
  int changed() const;
  void bind(int position, std::int64_t value);
  void bind(int position, int value) { bind(position, std::int64_t{value}); }
  void bind(int position, bool value) { bind(position, std::int64_t{value}); }
  void bind(int position, const std::optional<std::int64_t>& value);
  void bind(int position, std::string_view text);
  void bind(int position, const std::string& text) { bind(position, std::string_view(text)); }
  void bind(int position, Blob blob);

  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace modhost::host
