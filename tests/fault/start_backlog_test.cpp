// A start with a large backlog: ready within seconds however much waits, in bounded memory, oldest
// first, and new events are accepted as fast as ever. MODHOST_TEST_BACKLOG sets how many wait.
#include <doctest/doctest.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/inbox_books.h"
#include "tests/system/main_job.h"

namespace modhost::host {
namespace {

using std::chrono::duration;
using std::chrono::steady_clock;

constexpr std::int64_t kBacklogDefault = 200'000;
constexpr std::int64_t kMemoryMaxKib = 256 * 1024;  // of the host, however much waits
constexpr double kReadyMaxSeconds = 60;             // far beyond what any machine needs
constexpr int kFirstAnswers = 2'000;

std::int64_t backlogSize() {
  const char* chosen = std::getenv("MODHOST_TEST_BACKLOG");
  return chosen == nullptr ? kBacklogDefault : std::atoll(chosen);
}

void run(sqlite3* db, const std::string& sql) {
  REQUIRE_MESSAGE(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK,
                  sqlite3_errmsg(db));
}

// What a host would have written for `count` accepted events, written at once.
void addBacklog(const std::string& file, std::int64_t count) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
  const std::string n = std::to_string(count);
  const std::string now_ms = std::to_string(std::time(nullptr) * 1'000);
  const std::string numbers =
      "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT " + n + ") ";
  run(db, "PRAGMA synchronous = OFF; BEGIN");
  run(db, "INSERT INTO target(name) VALUES('message-logger')");
  run(db,
      numbers + "INSERT INTO event SELECT n, 'evt_b' || n, " + now_ms + ", 1, 0, 1 FROM number");
  run(db, numbers + "INSERT INTO body SELECT n, CAST(replace('" + userMessageEventBody("evt_b@") +
              "', '@', n) AS BLOB) FROM number");
  run(db, numbers +
              "INSERT INTO delivery SELECT (SELECT id FROM target), n, 1, 0, 0, 0, 0, 0, 0, "
              "NULL, " +
              now_ms + ", 1, 7 FROM number");
  run(db, "UPDATE inbox SET last_seq = " + n + ", waiting = " + n + ", events = " + n);
  run(db, "COMMIT");
  sqlite3_close(db);
}

// A line of /proc/<pid>/status, in KiB.
std::int64_t memoryOf(pid_t pid, const std::string& name) {
  const std::string text = fileText("/proc/" + std::to_string(pid) + "/status");
  const std::size_t at = text.find(name + ":");
  return at == std::string::npos ? -1 : std::atoll(text.c_str() + at + name.size() + 1);
}

// The event numbers in the order in which message-logger wrote them.
std::vector<std::int64_t> logged(const HostProcess& host) {
  std::vector<std::int64_t> numbers;
  const std::string text = fileText(host.file("messages.jsonl"));
  const std::string key = "\"eventId\":\"evt_b";
  for (std::size_t at = 0; (at = text.find(key, at)) != std::string::npos;) {
    at += key.size();
    numbers.push_back(std::atoll(text.c_str() + at));
  }
  return numbers;
}

double secondsSince(steady_clock::time_point start) {
  return duration<double>(steady_clock::now() - start).count();
}

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("start: a backlog of any size is ready in seconds and worked off in order") {
  const std::int64_t waiting = backlogSize();
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.setInbox("{sqlite: {path: inbox.db}, waiting_max: 10000000}");
  // One at a time, so that the order of the file is the order of starting.
  host.configure("modules:\n  - {id: message-logger, concurrency: 1, config: {file: " +
                 host.file("messages.jsonl") +
                 ", text: full}}\n"
                 "routes:\n  - {event: unique.chat.user-message.created, to: message-logger}\n");
  host.start();
  CHECK(host.terminate().exit_status == 0);
  const auto building = steady_clock::now();
  addBacklog(host.file("inbox.db"), waiting);
  MESSAGE("built ", waiting, " waiting events in ", secondsSince(building), " s");

  const auto starting = steady_clock::now();
  host.start();
  const double ready = secondsSince(starting);
  const std::int64_t memory_at_start = memoryOf(host.pid(), "VmRSS");
  const bool answered = eventually([&] { return logged(host).size() >= kFirstAnswers; });
  const double first_answers = secondsSince(starting);
  const auto status = nlohmann::json::parse(httpGet(host.adminPort(), "/status").body);
  double slowest = 0;
  for (int i = 0; i < 20; ++i) {
    const auto sending = steady_clock::now();
    CHECK(postWebhook(host.port(), userMessageEventBody("evt_n" + std::to_string(i))).status ==
          200);
    slowest = std::max(slowest, secondsSince(sending));
  }
  const std::int64_t memory = memoryOf(host.pid(), "VmHWM");
  CHECK(host.terminate().exit_status == 0);

  MESSAGE("ready in ", ready, " s with ", memory_at_start, " KiB, first ", kFirstAnswers,
          " handled after ", first_answers, " s, slowest of 20 accepts meanwhile ", slowest,
          " s, at most ", memory, " KiB");
  CHECK(answered);
  CHECK(ready < kReadyMaxSeconds);
  CHECK(memory < kMemoryMaxKib);
  CHECK(status["inbox"]["waiting"].get<std::int64_t>() > 0);
  const std::vector<std::int64_t> order = logged(host);
  CHECK(order.front() == 1);
  CHECK(std::is_sorted(order.begin(), order.end()));
  checkBooks(host.file("inbox.db"));
}

TEST_SUITE_END();

}  // namespace modhost::host
