#include "host/inbox/fresh_lanes.h"

#include <doctest/doctest.h>

#include <vector>

namespace modhost::host {
namespace {

const std::vector<Target> kA{"a"};

EventPtr eventOf(std::size_t bytes) {
  Event event;
  event.body.assign(bytes, 'x');
  return std::make_shared<const Event>(std::move(event));
}

std::vector<EventSeq> taken(FreshLanes& lanes, std::size_t max = 100) {
  std::vector<EventSeq> seqs;
  for (const Delivery& delivery : lanes.take("a", max)) seqs.push_back(delivery.key.seq);
  return seqs;
}

}  // namespace

TEST_SUITE("inbox lanes") {
  TEST_CASE("inbox lanes: what is accepted is fresh while nothing is behind") {
    FreshLanes lanes(10, 1000);
    for (EventSeq seq = 1; seq <= 3; ++seq) lanes.accepted(eventOf(1), seq, kA);

    CHECK(taken(lanes) == std::vector<EventSeq>{1, 2, 3});
    CHECK(!lanes.wanted("a"));
  }

  TEST_CASE("inbox lanes: beyond the bound everything waits on disk until that is read") {
    std::size_t deliveries_max = 10;
    std::size_t bytes_max = 1000;
    SUBCASE("of deliveries") { deliveries_max = 2; }
    SUBCASE("of bytes") { bytes_max = 20; }
    FreshLanes lanes(deliveries_max, bytes_max);
    for (EventSeq seq = 1; seq <= 3; ++seq) lanes.accepted(eventOf(10), seq, kA);

    CHECK(!lanes.wanted("a"));  // 1 and 2 come before what is on disk
    CHECK(taken(lanes) == std::vector<EventSeq>{1, 2});
    lanes.accepted(eventOf(10), 4, kA);  // there is room again, but 3 comes first
    CHECK(taken(lanes).empty());
    const std::optional<FreshLanes::Page> page = lanes.wanted("a");
    REQUIRE(page);
    CHECK(page->after == 2);
    lanes.loaded("a", *page, 4, true);
    lanes.accepted(eventOf(10), 5, kA);
    CHECK(taken(lanes) == std::vector<EventSeq>{5});
  }

  TEST_CASE("inbox lanes: what commits during a read is not taken as read") {
    FreshLanes lanes(10, 1000);
    lanes.behind("a", 5);
    const std::optional<FreshLanes::Page> page = lanes.wanted("a");
    REQUIRE(page);
    lanes.accepted(eventOf(1), 6, kA);

    lanes.loaded("a", *page, 5, true);

    REQUIRE(lanes.wanted("a"));
    CHECK(lanes.wanted("a")->after == 5);
  }

  TEST_CASE("inbox lanes: what a read found before its commit was announced is not fresh too") {
    FreshLanes lanes(10, 1000);
    lanes.behind("a", 5);
    const std::optional<FreshLanes::Page> page = lanes.wanted("a");
    REQUIRE(page);
    lanes.loaded("a", *page, 6, true);

    lanes.accepted(eventOf(1), 6, kA);

    CHECK(taken(lanes).empty());
    CHECK(!lanes.wanted("a"));
  }

  TEST_CASE("inbox lanes: a replayed delivery is read by key or found on the way") {
    FreshLanes lanes(10, 1000);
    lanes.accepted(eventOf(1), 7, kA);

    lanes.replayed({3, "a"});
    lanes.replayed({3, "b"});

    CHECK(lanes.takeReplayed("a", 10) == std::vector<EventSeq>{3});
    CHECK(lanes.takeReplayed("b", 10).empty());
    CHECK(lanes.wanted("b").has_value());
  }
}

}  // namespace modhost::host
