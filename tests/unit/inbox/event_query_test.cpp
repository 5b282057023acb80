// Pages over many rows: what is read of each source is bounded, and yet nothing is passed over.
#include "host/inbox/event_query.h"

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <set>

#include "tests/contract/inbox_means.h"

namespace modhost::host {
namespace {

FoundDelivery found(EventSeq seq, const Target& target) {
  FoundDelivery one;
  one.seq = seq;
  one.event_id = std::to_string(seq);
  one.delivery.target = target;
  return one;
}

std::vector<EventSeq> seqsOf(const EventPage& page) {
  std::vector<EventSeq> seqs;
  for (const EventView& event : page.events) seqs.push_back(event.seq);
  return seqs;
}

// 6,000 events: the first dead, the others waiting, every third dead for a second target too.
void fill(SqliteInbox& inbox, const std::string& path) {
  const std::vector<Target> targets = {"a", "b"};
  const WallTime now{};
  REQUIRE(inbox.accept(eventNamed("first", now), targets).ok());
  inbox.settle({{{1, "a"}, Settlement::To::kDead, End::kFailed, {}, "why"},
                {{1, "b"}, Settlement::To::kDead, End::kOverran, {}, "why"}});
  REQUIRE(inbox.openDeliveries(1).ok());
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  sqlite3_busy_timeout(db, 60'000);  // the inbox commits for its upkeep as well
  CHECK(sqlite3_exec(db,
                     "BEGIN IMMEDIATE;"
                     "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i+1 FROM n WHERE i<6000) "
                     "INSERT INTO event SELECT i,'e'||i,0,1,0,1 FROM n;"
                     "INSERT INTO delivery SELECT (SELECT id FROM target WHERE name='a'),seq,1,0,0,"
                     "0,0,0,0,NULL,0,1,7 FROM event WHERE seq>1;"
                     "INSERT INTO dead_letter SELECT 100+seq,seq,(SELECT id FROM target WHERE "
                     "name='b'),0,4,'why',1,0,0 FROM event WHERE seq>1 AND seq%3=0;"
                     "COMMIT",
                     nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
}

}  // namespace

TEST_SUITE("inbox") {
  TEST_CASE("event query: a page ends before the place where a source was cut") {
    EventQuery query;
    const std::vector<FoundDelivery> all = {found(9, "b"), found(8, "a"), found(7, "a"),
                                            found(9, "a")};

    EventPage page = pageOf(query, all, 7);
    CHECK(seqsOf(page) == std::vector<EventSeq>{9, 8});
    CHECK(page.events[0].deliveries.size() == 2);
    CHECK(page.next == 8);

    query.oldest_first = true;
    page = pageOf(query, all, 9);
    CHECK(seqsOf(page) == std::vector<EventSeq>{7, 8});
    CHECK(page.next == 8);
  }

  TEST_CASE("event query: a full page goes on after its last event") {
    EventQuery query;
    query.max = 2;
    const EventPage page = pageOf(query, {found(3, "a"), found(2, "a"), found(1, "a")}, {});

    CHECK(seqsOf(page) == std::vector<EventSeq>{3, 2});
    CHECK(page.next == 2);
    query.max = 3;
    CHECK(pageOf(query, {found(3, "a"), found(2, "a"), found(1, "a")}, {}).next == 0);
  }

  TEST_CASE("inbox: pages over thousands of rows show each delivery once in either order") {
    SqliteMeans means;
    fill(means.sqlite(), means.path());
    EventQuery query;
    query.max = 500;
    SUBCASE("oldest first") { query.oldest_first = true; }
    SUBCASE("newest first") {}

    std::set<std::pair<EventSeq, Target>> seen;
    EventSeq before = query.oldest_first ? 0 : 6'001;
    std::size_t deliveries = 0;
    do {
      const EventPage page = means.letters().page(query).take();
      for (const EventView& event : page.events) {
        CHECK((query.oldest_first ? event.seq > before : event.seq < before));
        before = event.seq;
        for (const DeliveryView& one : event.deliveries) seen.emplace(event.seq, one.target);
        deliveries += event.deliveries.size();
      }
      query.after = page.next;
    } while (query.after != 0);

    CHECK(deliveries == 5'999 + 2'000 + 2);
    CHECK(seen.size() == deliveries);
  }

  TEST_CASE("inbox: what is rare is found by pages that may be empty") {
    SqliteMeans means;
    fill(means.sqlite(), means.path());
    EventQuery query;
    query.end = End::kOverran;

    std::vector<EventSeq> seen;
    int pages = 0;
    do {
      const EventPage page = means.letters().page(query).take();
      for (const EventSeq seq : seqsOf(page)) seen.push_back(seq);
      query.after = page.next;
      ++pages;
    } while (query.after != 0);

    CHECK(seen == std::vector<EventSeq>{1});
    CHECK(pages > 1);
  }
}

}  // namespace modhost::host
