// What SqliteInbox promises beyond Inbox: its file, its owner, its commits, its limits on memory
// and age.
#include <doctest/doctest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "host/inbox/inbox_check.h"
#include "tests/contract/inbox_means.h"
#include "tests/support/eventually.h"

namespace modhost::host {
namespace {

using To = Settlement::To;

struct Fixture {
  TempFolder folder;
  FakeClock clock;
  Metrics metrics;
  SqliteInboxSettings settings = quiet();

  SqliteInboxSettings quiet() const {
    SqliteInboxSettings chosen;
    chosen.path = folder.file("inbox.db");
    chosen.disk_free_min_bytes = 0;
    return chosen;
  }
  std::unique_ptr<SqliteInbox> open() {
    Result<std::unique_ptr<SqliteInbox>> opened = SqliteInbox::open(settings, clock, metrics);
    REQUIRE(opened.ok());
    return opened.take();
  }
  Error openFails() {
    Result<std::unique_ptr<SqliteInbox>> opened = SqliteInbox::open(settings, clock, metrics);
    REQUIRE(!opened.ok());
    return opened.takeError();
  }
  EventSeq accept(Inbox& inbox, const std::string& id) {
    Result<Accepted> accepted =
        inbox.accept(eventNamed(id, clock.wallNow()), std::vector<Target>{"a"});
    REQUIRE(accepted.ok());
    return accepted.value().seq;
  }
  // Time that a test moves before the first pass looks like a leap of the wall clock to it.
  void awaitRetentionPass() {
    REQUIRE(eventually([&] { return metric("modhost_inbox_retention_passes_total") >= 1; }));
  }
  // As an operator with the sqlite3 shell.
  void runSql(const std::string& sql) {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(settings.path.c_str(), &db) == SQLITE_OK);
    sqlite3_busy_timeout(db, 60'000);  // the inbox commits for its upkeep as well
    CHECK(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
  }
  // The value of a metric's line, -1 if there is none.
  double metric(const std::string& name) const {
    const std::string text = metrics.text();
    const std::size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }
};

std::vector<EventSeq> takeAll(Inbox& inbox, std::size_t page) {
  std::vector<EventSeq> seqs;
  for (;;) {
    const std::vector<Delivery> taken = inbox.next("a", page).take();
    if (taken.empty()) return seqs;
    for (const Delivery& delivery : taken) seqs.push_back(delivery.key.seq);
  }
}

bool isAscending(const std::vector<EventSeq>& seqs) {
  for (std::size_t i = 1; i < seqs.size(); ++i) {
    if (seqs[i - 1] >= seqs[i]) return false;
  }
  return true;
}

}  // namespace

TEST_SUITE("inbox") {
  TEST_CASE("inbox: its files can be read by their owner only") {
    Fixture on;
    auto inbox = on.open();
    on.accept(*inbox, "one");

    for (const char* part : {"", "-wal", "-shm", ".lock"}) {
      struct stat status {};
      REQUIRE(::stat((on.settings.path + part).c_str(), &status) == 0);
      CHECK((status.st_mode & 0777) == 0600);
    }
  }

  TEST_CASE("inbox: a second host is refused and told who has the file") {
    Fixture on;
    auto inbox = on.open();

    const Error error = on.openFails();

    CHECK(error.kind == ErrorKind::kNotOwner);
    CHECK(error.message.find(on.settings.path + ".lock") != std::string::npos);
    CHECK(error.message.find(std::to_string(::getpid())) != std::string::npos);
    inbox.reset();
    CHECK(on.open() != nullptr);
  }

  TEST_CASE("inbox: a file of the first version is brought up to date") {
    Fixture on;
    auto inbox = on.open();
    on.accept(*inbox, "one");
    inbox.reset();
    on.runSql("DROP TABLE trace; PRAGMA user_version = 1");

    inbox = on.open();

    CHECK(takeAll(*inbox, 10).size() == 1);
    on.accept(*inbox, "two");
    inbox.reset();
    CHECK(checkInbox(on.settings.path).take().empty());
  }

  TEST_CASE("inbox: the trace goes when its event has ended") {
    Fixture on;
    auto inbox = on.open();
    const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const auto event = parseEvent(chosenEventBody("one"), on.clock.wallNow(), trace).take().event;
    REQUIRE(inbox->accept(event, std::vector<Target>{"a"}).ok());
    const DeliveryKey key = inbox->next("a", 1).take().at(0).key;
    REQUIRE(inbox->begin(std::vector<Begin>{{key, false}}).ok());

    inbox->settle({{key, Settlement::To::kDone, End::kOk, {}, ""}});

    inbox.reset();
    CHECK(checkInbox(on.settings.path).take().empty());
  }

  TEST_CASE("inbox: the oldest open event is known") {
    Fixture on;
    auto inbox = on.open();
    CHECK(!inbox->oldestOpen());
    const WallTime first = on.clock.wallNow();
    on.accept(*inbox, "one");
    on.clock.advance(Milliseconds(5'000));
    on.accept(*inbox, "two");
    CHECK(inbox->oldestOpen() == first);

    const DeliveryKey key = inbox->next("a", 1).take().at(0).key;
    REQUIRE(inbox->begin(std::vector<Begin>{{key, false}}).ok());
    inbox->settle({{key, Settlement::To::kDone, End::kOk, {}, ""}});
    REQUIRE(inbox->openDeliveries(key.seq).ok());

    CHECK(inbox->oldestOpen() == first + Milliseconds(5'000));
  }

  TEST_CASE("inbox: a file that a newer host wrote is refused") {
    Fixture on;
    on.open().reset();
    on.runSql("PRAGMA user_version = 99");

    const Error error = on.openFails();

    CHECK(error.kind == ErrorKind::kInvalid);
    CHECK(error.message.find("99") != std::string::npos);
    CHECK(error.message.find("newer host") != std::string::npos);
  }

  TEST_CASE("inbox: a file that is no database is refused") {
    Fixture on;
    std::FILE* file = std::fopen(on.settings.path.c_str(), "w");
    std::fputs(
        "this is a text of more than a page header's hundred bytes, so that it is read and "
        "found to be nothing that SQLite ever wrote",
        file);
    std::fclose(file);

    CHECK(on.openFails().kind == ErrorKind::kCorrupt);
  }

  TEST_CASE("inbox: every opening is a new epoch") {
    Fixture on;
    const std::int64_t first = on.open()->epoch();

    CHECK(on.open()->epoch() == first + 1);
  }

  TEST_CASE("inbox: what was settled is committed when the inbox is closed") {
    Fixture on;
    {
      auto inbox = on.open();
      const EventSeq seq = on.accept(*inbox, "one");
      inbox->settle({{{seq, "a"}, To::kDone, End::kOk, {}, ""}});
    }

    CHECK(on.open()->stats().take().done == 1);
  }

  TEST_CASE("inbox: a settle that finds no commit to ride in is committed after a moment") {
    Fixture on;
    auto inbox = on.open();
    const EventSeq seq = on.accept(*inbox, "one");

    inbox->settle({{{seq, "a"}, To::kDone, End::kOk, {}, ""}});
    on.clock.advance(on.settings.settle_linger);

    CHECK(eventually([&] { return inbox->stats().take().done == 1; }));
  }

  TEST_CASE("inbox: the gauges show what the file holds also after a restart") {
    Fixture on;
    auto inbox = on.open();
    on.accept(*inbox, "one");
    on.accept(*inbox, "two");
    CHECK(on.metric("modhost_inbox_waiting_deliveries") == 2);

    inbox.reset();
    Fixture next;
    next.settings.path = on.settings.path;
    auto reopened = next.open();

    CHECK(next.metric("modhost_inbox_waiting_deliveries") == 2);
    CHECK(next.metric("modhost_inbox_events") == 2);
  }

  TEST_CASE("inbox: concurrent accepts share commits") {
    Fixture on;
    auto inbox = on.open();
    constexpr int kThreads = 16;
    constexpr int kEach = 50;

    std::vector<std::thread> senders;
    for (int t = 0; t < kThreads; ++t) {
      senders.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          const std::string id = std::to_string(t) + "-" + std::to_string(i);
          (void)inbox->accept(eventNamed(id, on.clock.wallNow()), std::vector<Target>{"a"});
        }
      });
    }
    for (std::thread& sender : senders) sender.join();

    CHECK(on.metric("modhost_inbox_accepted_total") == kThreads * kEach);
    CHECK(on.metric("modhost_inbox_commit_seconds_count") < kThreads * kEach);
    const std::vector<EventSeq> seqs = takeAll(*inbox, 64);
    CHECK(seqs.size() == kThreads * kEach);
    CHECK(isAscending(seqs));
  }

  TEST_CASE("inbox: a backlog beyond memory is handed out in order while events arrive") {
    Fixture on;
    on.settings.in_memory = 10;
    auto inbox = on.open();
    constexpr int kEvents = 600;
    std::thread sender([&] {
      for (int i = 0; i < kEvents; ++i) {
        const EventPtr event = eventNamed("e" + std::to_string(i), on.clock.wallNow());
        (void)inbox->accept(event, std::vector<Target>{"a"});
      }
    });

    std::vector<EventSeq> seqs;
    const bool all = eventually([&] {
      for (const EventSeq seq : takeAll(*inbox, 7)) seqs.push_back(seq);
      return seqs.size() >= kEvents;
    });
    sender.join();

    CHECK(all);
    CHECK(seqs.size() == kEvents);
    CHECK(isAscending(seqs));
    CHECK(takeAll(*inbox, 7).empty());
  }

  TEST_CASE("inbox: a body that can not be read any more becomes a dead letter") {
    Fixture on;
    {
      auto inbox = on.open();
      on.accept(*inbox, "one");
      on.accept(*inbox, "two");
    }
    on.runSql("UPDATE body SET bytes = x'00' WHERE seq = 1");
    auto inbox = on.open();

    const std::vector<EventSeq> seqs = takeAll(*inbox, 10);
    REQUIRE(inbox->openDeliveries(1).take() == 0);

    CHECK(seqs == std::vector<EventSeq>{2});
    const std::vector<DeadLetter> letters = inbox->deadLetters(0, 10).take();
    REQUIRE(letters.size() == 1);
    CHECK(letters[0].why == "its stored body is no event");
  }

  TEST_CASE("inbox: ids are forgotten after retention but never those that still wait") {
    Fixture on;
    auto inbox = on.open();
    const EventSeq done = on.accept(*inbox, "done");
    const EventSeq waits = on.accept(*inbox, "waits");
    inbox->settle({{{done, "a"}, To::kDone, End::kOk, {}, ""}});
    REQUIRE(inbox->openDeliveries(done).take() == 0);
    on.awaitRetentionPass();

    on.clock.advance(on.settings.retention + std::chrono::hours(1));

    CHECK(eventually([&] { return inbox->stats().take().events == 1; }));
    CHECK(inbox->openDeliveries(waits).take() == 1);
    CHECK(on.accept(*inbox, "done") > waits);
  }

  TEST_CASE("inbox: dead letters are bounded in count and age and the oldest go first") {
    Fixture on;
    on.settings.dead_max = 2;
    auto inbox = on.open();
    for (const char* id : {"one", "two", "three"}) {
      const EventSeq seq = on.accept(*inbox, id);
      inbox->settle({{{seq, "a"}, To::kDead, End::kRejected, {}, id}});
    }
    REQUIRE(inbox->openDeliveries(1).ok());

    on.clock.advance(on.settings.retention_period);
    CHECK(eventually([&] { return inbox->stats().take().dead == 2; }));
    CHECK(inbox->deadLetters(0, 10).take().at(0).why == "two");
    on.clock.advance(on.settings.dead_retention + std::chrono::hours(1));
    CHECK(eventually([&] { return inbox->stats().take().dead == 0; }));
  }

  TEST_CASE("inbox: bodies are kept until retention when that is asked for") {
    Fixture on;
    on.settings.keep_bodies = true;
    auto inbox = on.open();
    const EventSeq seq = on.accept(*inbox, "one");
    inbox->settle({{{seq, "a"}, To::kDone, End::kOk, {}, ""}});
    REQUIRE(inbox->openDeliveries(seq).take() == 0);

    CHECK(inbox->body(seq).take() == chosenEventBody("one"));
    on.awaitRetentionPass();
    on.clock.advance(on.settings.retention + std::chrono::hours(1));
    CHECK(eventually([&] { return !inbox->body(seq).ok(); }));
  }

  TEST_CASE("inbox: the WAL starts over when it grew beyond its limit") {
    Fixture on;
    on.settings.wal_pages_max = 20;
    auto inbox = on.open();
    int events = 0;
    const auto wal_bytes = [&] { return std::filesystem::file_size(on.settings.path + "-wal"); };

    // Ten events without growth: what is written goes over the old pages.
    std::uintmax_t largest = 0;
    int unchanged = 0;
    const bool started_over = eventually([&] {
      on.accept(*inbox, "e" + std::to_string(events++));
      on.clock.advance(on.settings.checkpoint_period);
      const std::uintmax_t before = std::exchange(largest, std::max(largest, wal_bytes()));
      unchanged = largest == before ? unchanged + 1 : 0;
      return unchanged >= 10;
    });

    CHECK(started_over);
    CHECK(takeAll(*inbox, 100).size() == static_cast<std::size_t>(events));
  }
}

}  // namespace modhost::host
