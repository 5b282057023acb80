// What was acknowledged is never lost: 2,000 events while the host is killed five times. Every
// acknowledged event is answered, no step has two rows, none stays RUNNING, and the inbox's books
// balance, apart from the creates whose reply the kill itself cut, which the host counted.
#include <doctest/doctest.h>
#include <sqlite3.h>

#include <atomic>
#include <set>
#include <thread>

#include "host/base/mutex.h"
#include "tests/system/main_job.h"

namespace modhost::host {
namespace {

constexpr int kEvents = 2000;
constexpr int kKills = 5;
constexpr int kSenders = 8;

std::string eventId(int number) { return "evt_k" + std::to_string(number); }

// Sends events as the platform does: again until it got its 200. The host may be away at any
// moment.
class Senders {
 public:
  explicit Senders(const HostProcess& host) : port_(host.port()) {
    for (int i = 0; i < kSenders; ++i) threads_.emplace_back([this] { run(); });
  }
  ~Senders() { join(); }
  void join() {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  void movedTo(int port) { port_ = port; }
  int acknowledged() const { return acknowledged_; }

 private:
  void run() {
    for (int number = next_++; number < kEvents; number = next_++) {
      const std::string body =
          number % 4 == 3 ? userMessageEventBody(eventId(number))
                          : chosenEventBody(eventId(number), "Q", "chat_" + eventId(number));
      eventually([&] { return postWebhook(port_, body).status == 200; });
      ++acknowledged_;
    }
  }

  std::atomic<int> port_, next_{0}, acknowledged_{0};
  std::vector<std::thread> threads_;
};

std::int64_t ask(const std::string& file, const char* sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  REQUIRE_MESSAGE(sqlite3_prepare_v2(database, sql, -1, &statement, nullptr) == SQLITE_OK,
                  sqlite3_errmsg(database));
  REQUIRE(sqlite3_step(statement) == SQLITE_ROW);
  const std::int64_t value = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return value;
}

// The number behind a metric's name on the admin page.
double metric(int admin_port, const std::string& name) {
  const std::string text = httpGet(admin_port, "/metrics").body;
  const std::size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::atof(text.c_str() + at + name.size() + 2);
}

}  // namespace

TEST_SUITE_BEGIN("system");

TEST_CASE("kill: every acknowledged event is answered though the host was killed five times") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.configure(mainJobModules(host, "worker"));
  host.start();
  Senders senders(host);

  // Spread over the acknowledged events, so that each kill meets deliveries in every state.
  for (int kill = 1; kill <= kKills; ++kill) {
    REQUIRE(eventually([&] { return senders.acknowledged() >= kill * kEvents / (kKills + 1); }));
    host.kill();
    host.start();
    senders.movedTo(host.port());
  }
  senders.join();
  REQUIRE(senders.acknowledged() == kEvents);
  CHECK(eventually([&] {
    return metric(host.adminPort(), "modhost_inbox_waiting_deliveries") == 0 &&
           metric(host.adminPort(), "modhost_inbox_running_deliveries") == 0 &&
           metric(host.adminPort(), "modhost_inbox_closing_deliveries") == 0;
  }));
  // Kept in the inbox: the metric of the same name counts one process's life.
  const auto status = nlohmann::json::parse(httpGet(host.adminPort(), "/status").body);
  const auto ambiguous = status["inbox"]["ambiguous_creates"].get<int>();
  const auto done = status["inbox"]["done"].get<int>();
  const auto dead = status["inbox"]["dead"].get<int>();
  CHECK(host.terminate().exit_status == 0);

  CHECK(done + dead == kEvents);
  int unanswered = 0;
  int apologies = 0;
  for (int number = 0; number < kEvents; ++number) {
    if (number % 4 == 3) continue;
    if (!answered(platform, eventId(number))) ++unanswered;
    if (answered(platform, eventId(number), kApology)) ++apologies;
  }
  CHECK(unanswered == 0);
  CHECK(apologies == dead);
  std::set<std::pair<std::string, std::int64_t>> steps;
  int extra = 0;
  int still_running = 0;
  for (const MessageLogRow& row : platform.rows()) {
    if (!steps.insert({row.message_id, row.order}).second) ++extra;
    if (row.statuses.back() == "RUNNING") ++still_running;
  }
  MESSAGE("ambiguous creates: ", ambiguous, ", extra rows: ", extra,
          ", left RUNNING: ", still_running);
  CHECK(extra <= ambiguous);
  CHECK(still_running <= ambiguous);
  const std::string recorded = fileText(host.file("messages.jsonl"));
  std::set<std::string> logged;
  for (std::size_t at = 0; (at = recorded.find("\"eventId\":\"", at)) != std::string::npos;) {
    at += 11;
    logged.insert(recorded.substr(at, recorded.find('"', at) - at));
  }
  CHECK(logged.size() == kEvents / 4);
  const std::string inbox = host.file("inbox.db");
  CHECK(ask(inbox, "SELECT count(*) FROM event") == kEvents);
}

TEST_SUITE_END();

}  // namespace modhost::host
