#include "host/inbox/waiting_lanes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace modhost::host {
namespace {

const std::vector<Target> kA{"a"};

using Seqs = std::vector<EventSeq>;

EventPtr eventOf(std::size_t bytes, const std::string& company = "") {
  Event event;
  event.body.assign(bytes, 'x');
  event.company_id = company;
  return std::make_shared<const Event>(std::move(event));
}

Seqs seqsOf(const std::vector<WaitingLanes::Taken>& taken) {
  Seqs seqs;
  for (const WaitingLanes::Taken& one : taken) seqs.push_back(one.waiting.seq);
  return seqs;
}

Seqs sorted(Seqs seqs) {
  std::sort(seqs.begin(), seqs.end());
  return seqs;
}

std::ptrdiff_t inMemory(const std::vector<WaitingLanes::Taken>& taken) {
  return std::count_if(taken.begin(), taken.end(),
                       [](const auto& one) { return one.waiting.event != nullptr; });
}

}  // namespace

TEST_SUITE("inbox lanes") {
  TEST_CASE("inbox lanes: what is accepted is handed on in order, while there is room in memory") {
    std::size_t in_memory_max = 10;
    std::size_t bytes_max = 1000;
    SUBCASE("and beyond its number from disk") { in_memory_max = 2; }
    SUBCASE("and beyond its bytes from disk") { bytes_max = 20; }
    WaitingLanes lanes(in_memory_max, bytes_max);
    for (EventSeq seq = 1; seq <= 3; ++seq) lanes.accepted(eventOf(10), seq, kA);

    const auto taken = lanes.take("a", 10);

    CHECK(seqsOf(taken) == Seqs{1, 2, 3});
    CHECK(inMemory(taken) == (in_memory_max == 10 && bytes_max == 1000 ? 3 : 2));
    CHECK(lanes.take("a", 10).empty());
  }

  TEST_CASE("inbox lanes: what was taken makes room in memory") {
    WaitingLanes lanes(2, 1000);
    for (EventSeq seq = 1; seq <= 3; ++seq) lanes.accepted(eventOf(10), seq, kA);
    lanes.take("a", 2);

    lanes.accepted(eventOf(10), 4, kA);

    const auto taken = lanes.take("a", 10);
    CHECK(seqsOf(taken) == Seqs{3, 4});
    CHECK(inMemory(taken) == 1);
  }

  TEST_CASE("inbox lanes: companies take turns wherever their deliveries are") {
    WaitingLanes lanes(4, 1000);
    for (EventSeq seq = 1; seq <= 100; ++seq) lanes.accepted(eventOf(1, "flood"), seq, kA);
    lanes.accepted(eventOf(1, "one"), 101, kA);
    lanes.addStored("a", companyKey("two"), 50);

    CHECK(sorted(seqsOf(lanes.take("a", 3))) == Seqs{1, 50, 101});
    lanes.accepted(eventOf(1, "one"), 102, kA);
    CHECK(sorted(seqsOf(lanes.take("a", 2))) == Seqs{2, 102});
    CHECK(seqsOf(lanes.take("a", 2)) == Seqs{3, 4});
  }

  TEST_CASE("inbox lanes: one that is replayed or put back takes its old place") {
    WaitingLanes lanes(10, 1000);
    for (EventSeq seq = 7; seq <= 9; ++seq) lanes.accepted(eventOf(1), seq, kA);
    const auto first = lanes.take("a", 1);

    lanes.addStored("a", companyKey(""), 3);
    lanes.putBack("a", first.front());

    CHECK(seqsOf(lanes.take("a", 10)) == Seqs{3, 7, 8, 9});
  }

  TEST_CASE("inbox lanes: targets do not see each other's") {
    WaitingLanes lanes(10, 1000);
    lanes.accepted(eventOf(1), 1, std::vector<Target>{"a", "b"});

    CHECK(lanes.take("c", 10).empty());
    CHECK(seqsOf(lanes.take("a", 10)) == Seqs{1});
    CHECK(seqsOf(lanes.take("b", 10)) == Seqs{1});
  }

  TEST_CASE("inbox lanes: a company's key stands in the file and is the same for ever") {
    CHECK(static_cast<std::uint64_t>(companyKey("")) == 0xcbf29ce484222325U);
    CHECK(static_cast<std::uint64_t>(companyKey("foobar")) == 0x85944171f73967e8U);
  }
}

}  // namespace modhost::host
