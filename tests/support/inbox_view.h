// InboxView: an inbox as a test sees it from outside: its file, read beside the host or after it,
// and the counts on the host's status page.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

struct sqlite3;

namespace modhost::host {

class InboxView {
 public:
  // Fails the test when the file can not be opened.
  explicit InboxView(const std::string& file);
  ~InboxView();
  InboxView(const InboxView&) = delete;
  InboxView& operator=(const InboxView&) = delete;

  // Every row, each column as text. Fails the test when the query is none.
  std::vector<std::vector<std::string>> rows(const std::string& sql) const;
  // The one number a query asks for.
  std::int64_t number(const std::string& sql) const;

 private:
  sqlite3* database_ = nullptr;
};

struct InboxCounts {
  std::int64_t waiting = 0, running = 0, closing = 0, done = 0, dead = 0, events = 0,
               ambiguous_creates = 0;
  std::int64_t open() const { return waiting + running + closing; }
};

// What GET /status says; nullopt while nobody answers there.
std::optional<InboxCounts> inboxCounts(int admin_port);

// The ids that message-logger's file holds, once per line, in its order.
std::vector<std::string> loggedEventIds(const std::string& file);

}  // namespace modhost::host
