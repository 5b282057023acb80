#include "sandbox/database.h"

#include <sqlite3.h>

namespace modhost::sandbox {
namespace {

// Another process may read the file (the sqlite3 shell); its short locks are waited for.
constexpr int kBusyTimeoutMs = 5000;

[[noreturn]] void fail(sqlite3* connection, const std::string& doing) {
  throw StoreError(doing + ": " + sqlite3_errmsg(connection));
}

}  // namespace

Database::Database(const std::string& path) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(path.c_str(), &connection_, flags, nullptr) != SQLITE_OK) {
    const StoreError error("open " + path + ": " + sqlite3_errmsg(connection_));
    sqlite3_close(connection_);
    throw error;
  }
  sqlite3_busy_timeout(connection_, kBusyTimeoutMs);
}

Database::~Database() { sqlite3_close(connection_); }

void Database::run(const char* sql) {
  if (sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(connection_, "run");
  }
}

int Database::changedRows() const { return sqlite3_changes(connection_); }

Transaction::Transaction(Database& database) : database_(database) {
  database_.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.run("ROLLBACK");
  } catch (const StoreError&) {  // SQLite has already rolled back, as it does after a full disk
  }
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

Statement::Statement(Database& database, std::string_view sql) : database_(database) {
  const int status = sqlite3_prepare_v2(database.connection_, sql.data(),
                                        static_cast<int>(sql.size()), &statement_, nullptr);
  if (status != SQLITE_OK) fail(database.connection_, "prepare");
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::bind(std::string_view text) {
  const int status = sqlite3_bind_text64(statement_, ++bound_, text.empty() ? "" : text.data(),
                                         text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (status != SQLITE_OK) fail(database_.connection_, "bind");
  return *this;
}

Statement& Statement::bind(std::int64_t number) {
  if (sqlite3_bind_int64(statement_, ++bound_, number) != SQLITE_OK) {
    fail(database_.connection_, "bind");
  }
  return *this;
}

bool Statement::next() {
  const int status = sqlite3_step(statement_);
  if (status == SQLITE_ROW) return true;
  if (status != SQLITE_DONE) fail(database_.connection_, "step");
  return false;
}

void Statement::run() {
  while (next()) {
  }
  sqlite3_reset(statement_);
  bound_ = 0;
}

std::string Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  if (bytes == nullptr) return "";
  return std::string(static_cast<const char*>(bytes),
                     static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }

}  // namespace modhost::sandbox
