#include "host/inbox/database.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>

namespace modhost::host {
namespace {

// A quota is a full disk, and so is no room for the WAL's index, which holds nothing of its own.
bool isFull(int code, int system_error) {
  if (code == SQLITE_IOERR_SHMSIZE) return true;
  return code == SQLITE_IOERR_WRITE && (system_error == EDQUOT || system_error == ENOSPC);
}

SqlFault faultOf(int code, int system_error) {
  if (isFull(code, system_error)) return SqlFault::kPassing;
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
    case SQLITE_INTERRUPT:
      return SqlFault::kPassing;
    case SQLITE_IOERR:
      return code == SQLITE_IOERR_NOMEM ? SqlFault::kPassing : SqlFault::kFatal;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_READONLY:
    case SQLITE_PROTOCOL:
      return SqlFault::kFatal;
    default:
      return SqlFault::kRefused;
  }
}

// What the system said. errno, as SQLite does not keep it when a commit fails (nor when all went
// well with what it did afterwards).
int systemError(int code) {
  const int system = errno;
  const int kind = code & 0xff;
  return kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN ? system : 0;
}

[[noreturn]] void fail(sqlite3* db, int code, int system) {
  // SQLite's own messages name tables and limits, never a bound value.
  const int extended = sqlite3_extended_errcode(db);
  std::string what = std::string("sqlite: ") + sqlite3_errmsg(db) + " (" + std::to_string(extended);
  if (system != 0) what += std::string(", ") + std::strerror(system);
  throw SqlError(faultOf(extended == SQLITE_OK ? code : extended, system), what + ")");
}

void check(sqlite3* db, int code) {
  const int system = systemError(code);
  if (code != SQLITE_OK) fail(db, code, system);
}

// A bound null pointer would be NULL instead of empty.
const char* nonNull(std::string_view text) { return text.data() == nullptr ? "" : text.data(); }

}  // namespace

Error toError(const SqlError& error) {
  switch (error.fault) {
    case SqlFault::kPassing:
      return {ErrorKind::kUnavailable, error.what()};
    case SqlFault::kFatal:
      return {ErrorKind::kCorrupt, error.what()};
    case SqlFault::kRefused:
      break;
  }
  return {ErrorKind::kInvalid, error.what()};
}

Database::Database(const std::string& path, const std::string& vfs, int busy_ms) {
  const int code = sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                                   vfs.empty() ? nullptr : vfs.c_str());
  if (code != SQLITE_OK) {
    const SqlError error(faultOf(code, 0),
                         "sqlite: cannot open " + path + ": " + sqlite3_errstr(code));
    sqlite3_close_v2(db_);
    throw error;
  }
  sqlite3_extended_result_codes(db_, 1);
  setBusyTimeout(busy_ms);
  checkpointOnClose(false);
}

Database::~Database() { sqlite3_close_v2(db_); }

void Database::run(const std::string& sql) {
  check(db_, sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr));
}

std::string Database::ask(const std::string& sql) {
  Statement statement(*this, sql);
  Rows rows = statement.rows();
  return rows.next() ? rows.text(0) : std::string();
}

void Database::rollback() {
  if (sqlite3_get_autocommit(db_) == 0) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Database::setBusyTimeout(int busy_ms) { sqlite3_busy_timeout(db_, busy_ms); }

bool Database::checkpoint(bool restart) {
  const int mode = restart ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
  const int code = sqlite3_wal_checkpoint_v2(db_, nullptr, mode, nullptr, nullptr);
  if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED) return false;
  check(db_, code);
  return true;
}

void Database::checkpointOnClose(bool on) {
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, on ? 0 : 1, nullptr);
}

Rows::~Rows() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool Rows::next() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  fail(sqlite3_db_handle(statement_), code, systemError(code));
}

std::int64_t Rows::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::optional<std::int64_t> Rows::maybeInteger(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return integer(column);
}

std::string Rows::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

Statement::Statement(Database& database, std::string_view sql) {
  check(database.raw(), sqlite3_prepare_v3(database.raw(), sql.data(), static_cast<int>(sql.size()),
                                           SQLITE_PREPARE_PERSISTENT, &statement_, nullptr));
}

Statement::~Statement() { sqlite3_finalize(statement_); }

int Statement::changed() const { return sqlite3_changes(sqlite3_db_handle(statement_)); }

void Statement::bind(int position, std::int64_t value) {
  check(sqlite3_db_handle(statement_), sqlite3_bind_int64(statement_, position, value));
}

void Statement::bind(int position, const std::optional<std::int64_t>& value) {
  if (value) return bind(position, *value);
  check(sqlite3_db_handle(statement_), sqlite3_bind_null(statement_, position));
}

void Statement::bind(int position, std::string_view text) {
  check(sqlite3_db_handle(statement_), sqlite3_bind_text64(statement_, position, nonNull(text),
                                                           text.size(), nullptr, SQLITE_UTF8));
}

void Statement::bind(int position, Blob blob) {
  check(sqlite3_db_handle(statement_),
        sqlite3_bind_blob64(statement_, position, nonNull(blob.bytes), blob.bytes.size(), nullptr));
}

}  // namespace modhost::host
