#include "host/dispatch/lane_queue.h"

#include <doctest/doctest.h>

namespace modhost::host {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};
constexpr SteadyTime kNever = SteadyTime::max();

SteadyTime at(int seconds) { return kStart + std::chrono::seconds(seconds); }

LaneQueue::Entry entry(EventSeq seq, const std::string& chat = "",
                       const std::string& company = "acme") {
  return {seq, company, chat, kStart, kNever};
}

// What runs if each is over at once.
std::vector<EventSeq> drained(LaneQueue& queue, SteadyTime now = kStart) {
  std::vector<EventSeq> order;
  while (const std::optional<EventSeq> seq = queue.start(now)) {
    order.push_back(*seq);
    queue.remove(*seq);
  }
  return order;
}

}  // namespace

TEST_SUITE("lane queue") {
  TEST_CASE("lane queue: deliveries without a chat start in the order of acceptance") {
    LaneQueue queue;
    for (const EventSeq seq : {3, 1, 2}) queue.add(entry(seq));

    CHECK(queue.start(kStart) == 1);
    CHECK(queue.start(kStart) == 2);
    CHECK(queue.start(kStart) == 3);
    CHECK(queue.start(kStart) == std::nullopt);
  }

  TEST_CASE("lane queue: a chat's next one waits until the one before is out of the way") {
    LaneQueue queue;
    queue.add(entry(1, "chat"));
    queue.add(entry(2, "chat"));
    queue.add(entry(3, "other"));

    CHECK(queue.start(kStart) == 1);
    CHECK(queue.start(kStart) == 3);
    CHECK(queue.start(kStart) == std::nullopt);
    queue.remove(1);
    CHECK(queue.start(kStart) == 2);
  }

  TEST_CASE("lane queue: chats of two companies with the same name are two chats") {
    LaneQueue queue;
    queue.add(entry(1, "chat", "acme"));
    queue.add(entry(2, "chat", "umbrella"));

    CHECK(queue.start(kStart) == 1);
    CHECK(queue.start(kStart) == 2);
  }

  TEST_CASE("lane queue: companies take turns however many deliveries one of them has") {
    LaneQueue queue;
    for (EventSeq seq = 1; seq <= 4; ++seq) queue.add(entry(seq, "", "flood"));
    queue.add(entry(5, "", "acme"));
    queue.add(entry(6, "", "umbrella"));
    queue.add(entry(7, "", "acme"));

    CHECK(drained(queue) == std::vector<EventSeq>{1, 5, 6, 2, 7, 3, 4});
  }

  TEST_CASE("lane queue: a company that comes back queues behind the others") {
    LaneQueue queue;
    queue.add(entry(1, "", "acme"));
    queue.add(entry(2, "", "flood"));
    queue.add(entry(3, "", "flood"));
    CHECK(queue.start(kStart) == 1);
    CHECK(queue.start(kStart) == 2);
    queue.add(entry(4, "", "acme"));

    CHECK(drained(queue).size() == 2);
    CHECK(queue.start(kStart) == std::nullopt);
  }

  TEST_CASE("lane queue: a retry that waits holds its chat up and keeps its place") {
    LaneQueue queue;
    queue.add(entry(1, "chat"));
    queue.add(entry(2, "chat"));
    CHECK(queue.start(kStart) == 1);

    queue.again(1, at(10));

    CHECK(queue.start(at(9)) == std::nullopt);
    CHECK(queue.wakeAt() == at(10));
    CHECK(queue.start(at(10)) == 1);
    CHECK(queue.start(at(10)) == std::nullopt);
    queue.remove(1);
    CHECK(queue.start(at(10)) == 2);
  }

  TEST_CASE("lane queue: a stale retry lets its chat pass but never runs beside it") {
    LaneQueue queue;
    LaneQueue::Entry first = entry(1, "chat");
    first.stale_at = at(5);
    queue.add(first);
    queue.add(entry(2, "chat"));
    CHECK(queue.start(kStart) == 1);
    queue.again(1, at(60));

    CHECK(queue.takeStale(at(4)).empty());
    CHECK(queue.start(at(4)) == std::nullopt);
    CHECK(queue.takeStale(at(5)) == std::vector<EventSeq>{1});
    CHECK(queue.start(at(5)) == 2);
    CHECK(queue.start(at(60)) == std::nullopt);
    queue.remove(2);
    CHECK(queue.start(at(60)) == 1);
  }

  TEST_CASE("lane queue: what is out is not stale however old it gets") {
    LaneQueue queue;
    LaneQueue::Entry first = entry(1);
    first.stale_at = at(5);
    queue.add(first);
    CHECK(queue.start(kStart) == 1);

    CHECK(queue.takeStale(at(6)).empty());
    CHECK(queue.wakeAt() == std::nullopt);
    queue.again(1, at(7));
    CHECK(queue.takeStale(at(6)) == std::vector<EventSeq>{1});
    CHECK(queue.takeStale(at(6)).empty());
  }

  TEST_CASE("lane queue: removing one that waits lets those behind it go") {
    LaneQueue queue;
    queue.add(entry(1, "chat"));
    queue.add(entry(2, "chat"));

    queue.remove(1);

    CHECK(drained(queue) == std::vector<EventSeq>{2});
  }

  TEST_CASE("lane queue: what must run alone is given out as such only") {
    LaneQueue queue;
    queue.add({1, "acme", "", kStart, kNever, true});
    queue.add(entry(2));

    CHECK(queue.start(kStart) == 2);
    CHECK_FALSE(queue.startable(kStart));
    CHECK(queue.startAlone(kStart) == 1);
    queue.again(1, kStart, false);
    queue.again(2, kStart, true);
    CHECK(queue.start(kStart) == 1);
    CHECK(queue.startAlone(kStart) == 2);
    CHECK(queue.startAlone(kStart) == std::nullopt);
  }

  TEST_CASE("lane queue: one that must run alone keeps its place in its chat") {
    LaneQueue queue;
    queue.add({1, "acme", "chat", kStart, kNever, true});
    queue.add(entry(2, "chat"));

    CHECK(queue.start(kStart) == std::nullopt);
    CHECK(queue.startAlone(kStart) == 1);
    queue.remove(1);
    CHECK(queue.start(kStart) == 2);
  }

  TEST_CASE("lane queue: one that must run alone can be removed while it waits") {
    LaneQueue queue;
    queue.add({1, "acme", "chat", kStart, kNever, true});
    queue.add({2, "acme", "chat", kStart, kNever, true});

    queue.remove(1);
    CHECK(queue.startAlone(kStart) == 2);
    queue.remove(2);
    CHECK(queue.startAlone(kStart) == std::nullopt);
  }

  TEST_CASE("lane queue: one that is not due yet does not start early") {
    LaneQueue queue;
    LaneQueue::Entry later = entry(1);
    later.ready_at = at(3);
    queue.add(later);

    CHECK_FALSE(queue.startable(at(2)));
    CHECK(queue.startable(at(3)));
  }
}

}  // namespace modhost::host
