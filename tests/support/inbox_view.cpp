#include "tests/support/inbox_view.h"

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "tests/support/host_process.h"

namespace modhost::host {

InboxView::InboxView(const std::string& file) {
  REQUIRE(sqlite3_open_v2(file.c_str(), &database_, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
  sqlite3_busy_timeout(database_, 60'000);
}

InboxView::~InboxView() { sqlite3_close(database_); }

std::vector<std::vector<std::string>> InboxView::rows(const std::string& sql) const {
  sqlite3_stmt* statement = nullptr;
  REQUIRE_MESSAGE(sqlite3_prepare_v2(database_, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK,
                  sqlite3_errmsg(database_));
  std::vector<std::vector<std::string>> found;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    std::vector<std::string>& row = found.emplace_back();
    for (int column = 0; column < sqlite3_column_count(statement); ++column) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      row.emplace_back(text == nullptr ? "" : text);
    }
  }
  sqlite3_finalize(statement);
  return found;
}

std::int64_t InboxView::number(const std::string& sql) const {
  return std::stoll(rows(sql).at(0).at(0));
}

std::optional<InboxCounts> inboxCounts(int admin_port) {
  const HttpAnswer answer = httpGet(admin_port, "/status");
  if (answer.status != 200) return std::nullopt;
  const auto json = nlohmann::json::parse(answer.body, nullptr, false);
  if (json.is_discarded() || !json.contains("inbox") || !json["inbox"].contains("waiting")) {
    return std::nullopt;
  }
  const auto count = [&](const char* name) { return json["inbox"][name].get<std::int64_t>(); };
  return InboxCounts{count("waiting"), count("running"), count("closing"),          count("done"),
                     count("dead"),    count("events"),  count("ambiguous_creates")};
}

std::vector<std::string> loggedEventIds(const std::string& file) {
  constexpr std::string_view kMember = "\"eventId\":\"";
  const std::string text = fileText(file);
  std::vector<std::string> ids;
  for (std::size_t at = 0; (at = text.find(kMember, at)) != std::string::npos;) {
    at += kMember.size();
    ids.push_back(text.substr(at, text.find('"', at) - at));
  }
  return ids;
}

}  // namespace modhost::host
