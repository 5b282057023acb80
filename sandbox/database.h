// Database and Statement: the owners of one SQLite connection and of one prepared statement.
//
// Threads: a Database with its statements belongs to one thread at a time; its user holds a mutex.
// Errors: StoreError, which says what SQLite said and never holds a bound value.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace modhost::sandbox {

class StoreError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Database {
 public:
  // Opens or creates `path`; ":memory:" is a database of this connection's own, gone with it.
  explicit Database(const std::string& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs one or several statements without parameters.
  void run(const char* sql);
  // How many rows the last INSERT, UPDATE or DELETE touched.
  int changedRows() const;

 private:
  friend class Statement;
  sqlite3* connection_ = nullptr;
};

// Rolls back what was not committed, however the scope is left.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

class Statement {
 public:
  Statement(Database& database, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Binds the next parameter, from the left; texts are copied.
  Statement& bind(std::string_view text);
  Statement& bind(std::int64_t number);

  // Steps to the next row; false: there is none (any more).
  bool next();
  // Runs to the end and makes the statement ready to be bound and run again.
  void run();

  // Columns of the current row, from 0. A NULL reads as "" or 0.
  std::string text(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;

 private:
  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

}  // namespace modhost::sandbox
