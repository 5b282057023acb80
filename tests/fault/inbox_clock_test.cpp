// What an inbox makes of a wall clock that jumps, while it runs and between two runs: nothing that
// was acknowledged goes before its time.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/contract/inbox_means.h"
#include "tests/support/eventually.h"
#include "tests/support/inbox_books.h"

namespace modhost::host {
namespace {

using To = Settlement::To;
using std::chrono::hours;

class InboxInTime {
 private:
  TempFolder folder_;
  Metrics metrics_;
  SqliteInboxSettings settings_;

 public:
  InboxInTime() {
    settings_.path = folder_.file("inbox.db");
    settings_.disk_free_min_bytes = 0;
    open();
  }
  void open() {
    inbox.reset();
    inbox = SqliteInbox::open(settings_, clock, metrics_).take();
  }
  // One event that ended well, and one that is a dead letter.
  void endTwo() {
    for (const To to : {To::kDone, To::kDead}) {
      const EventPtr event = eventNamed(to == To::kDone ? "done" : "dead", clock.wallNow());
      const EventSeq seq = inbox->accept(event, std::vector<Target>{"a"}).take().seq;
      inbox->settle({{{seq, "a"}, to, End::kRejected, {}, "why"}});
      REQUIRE(inbox->openDeliveries(seq).take() == 0);
    }
  }
  // Lets retention come by, twice, so that a pass that began before this call does not count.
  void letRetentionPass() {
    for (int i = 0; i < 2; ++i) {
      const int before = passes();
      clock.advance(settings_.retention_period);
      REQUIRE(eventually([&] { return passes() > before; }));
    }
  }
  bool hasBoth() {
    const InboxStats stats = inbox->stats().take();
    return stats.events == 2 && stats.dead == 1;
  }
  bool becomesEmpty() {
    return eventually([&] {
      clock.advance(settings_.retention_period);
      return inbox->stats().take().events == 0;
    });
  }

  FakeClock clock;
  std::unique_ptr<SqliteInbox> inbox;  // after what it uses until it is gone

 private:
  int passes() const {
    const std::string text = metrics_.text();
    const std::string name = "\nmodhost_inbox_retention_passes_total ";
    const std::size_t at = text.find(name);
    return at == std::string::npos ? 0 : std::stoi(text.substr(at + name.size()));
  }
};

}  // namespace

TEST_SUITE("inbox clock") {
  TEST_CASE("inbox: a clock that leaps ahead deletes nothing and is believed after a day") {
    InboxInTime on;
    on.endTwo();
    on.letRetentionPass();

    on.clock.jumpWall(hours(24 * 365));
    on.letRetentionPass();
    CHECK(on.hasBoth());
    on.clock.advance(hours(23));
    on.letRetentionPass();
    CHECK(on.hasBoth());
    on.clock.advance(hours(1));

    CHECK(on.becomesEmpty());
  }

  TEST_CASE("inbox: a clock that leapt ahead and was set back has cost nothing") {
    InboxInTime on;
    on.endTwo();
    on.letRetentionPass();
    on.clock.jumpWall(hours(24 * 365));
    on.letRetentionPass();
    on.clock.jumpWall(-hours(24 * 365));
    on.letRetentionPass();

    on.clock.advance(hours(25));
    on.letRetentionPass();

    CHECK(on.hasBoth());
  }

  TEST_CASE("inbox: a clock set back keeps everything and numbers go on") {
    InboxInTime on;
    on.endTwo();
    on.clock.jumpWall(-hours(24 * 365));
    on.letRetentionPass();

    CHECK(on.hasBoth());
    const EventPtr event = eventNamed("later", on.clock.wallNow());
    CHECK(on.inbox->accept(event, std::vector<Target>{"a"}).take().seq == 3);
    CHECK(!on.inbox->accept(event, std::vector<Target>{"a"}).ok());
  }

  TEST_CASE("inbox: a clock that leapt ahead between two runs deletes nothing at the start") {
    InboxInTime on;
    on.endTwo();
    on.clock.jumpWall(hours(24 * 365));
    on.open();

    on.letRetentionPass();
    CHECK(on.hasBoth());
    on.clock.advance(hours(24));
    CHECK(on.becomesEmpty());
  }

  TEST_CASE("inbox: what is due is handed out with its time however the clock jumps") {
    InboxInTime on;
    const EventPtr event = eventNamed("one", on.clock.wallNow());
    const DeliveryKey key{on.inbox->accept(event, std::vector<Target>{"a"}).take().seq, "a"};
    const WallTime due = on.clock.wallNow() + std::chrono::minutes(5);
    REQUIRE(on.inbox->begin(std::vector<Begin>{{key, false}}).ok());
    on.inbox->settle({{key, To::kRetry, End::kFailed, due, "later"}});
    SUBCASE("hours ahead") { on.clock.jumpWall(hours(5)); }
    SUBCASE("days back") { on.clock.jumpWall(-hours(24 * 5)); }
    on.open();

    const std::vector<Delivery> taken = on.inbox->next("a", 10).take();

    REQUIRE(taken.size() == 1);
    CHECK((taken[0].due == due));
  }
}

}  // namespace modhost::host
