#include "host/dispatch/recent_attempts.h"

#include "tests/unit/dispatch/dispatch_stage.h"

namespace modhost::host {
namespace {

using Kind = AttemptEnd::Kind;

// "e1 #1 ok" of each, "e1 #1 running" while it has not ended, "again" where another is to come.
std::vector<std::string> words(const std::vector<RecentAttempt>& attempts) {
  std::vector<std::string> words;
  for (const RecentAttempt& one : attempts) {
    words.push_back(one.event_id + " #" + std::to_string(one.attempt) + " " +
                    (one.end ? std::string(endWord(*one.end)) : "running") +
                    (one.again ? " again" : ""));
  }
  return words;
}

Delivery deliveryOf(const std::string& id) {
  const Result<ParsedEvent> parsed = parseEvent(chosenEventBody(id), WallTime{});
  Delivery delivery;
  delivery.key = {7, "rag"};
  delivery.event = parsed.value().event;
  delivery.attempts = 1;
  return delivery;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_SUITE("recent attempts") {
  TEST_CASE("recent attempts: one shows while it runs and how it ended and how long it took") {
    DispatchStage stage;
    stage.addLane("rag");
    stage.start();
    const EventSeq seq = stage.accept("e1", {"rag"});

    CHECK(words(stage.dispatcher->recent().changedSince(0)) == Words{"e1 #1 running"});
    stage.advance(Milliseconds(250));
    stage.end("rag", "e1", AttemptEnd{Kind::kReject, {}, "no"});

    const std::vector<RecentAttempt> all = stage.dispatcher->recent().changedSince(0);
    REQUIRE(words(all) == Words{"e1 #1 rejected"});
    CHECK(all[0].key == DeliveryKey{seq, "rag"});
    CHECK(all[0].event_type == "unique.chat.external-module.chosen");
    CHECK(all[0].took == std::chrono::milliseconds(250));
    CHECK(all[0].error == "no");
    CHECK(all[0].started_at + Milliseconds(250) == stage.clock.wallNow());
    CHECK(all[0].received_at == all[0].started_at);
  }

  TEST_CASE("recent attempts: each attempt of a delivery stands for itself") {
    DispatchStage stage;
    stage.addLane("rag").retry = {2, Milliseconds(10), Milliseconds(10)};
    stage.start();
    stage.accept("e1", {"rag"});

    stage.end("rag", "e1", Kind::kFailed);
    stage.advance(Milliseconds(10));
    stage.end("rag", "e1", Kind::kOk);

    CHECK(words(stage.dispatcher->recent().changedSince(0)) ==
          Words{"e1 #1 failed again", "e1 #2 ok"});
  }

  TEST_CASE("recent attempts: what is handed back at the stop shows as interrupted") {
    DispatchStage stage;
    stage.addLane("rag");
    stage.start();
    stage.accept("e1", {"rag"});

    stage.dispatcher->requestStop();
    stage.settled();
    stage.clock.advance(stage.settings.drain);

    CHECK(eventually([&] {
      return words(stage.dispatcher->recent().changedSince(0)) == Words{"e1 #1 interrupted again"};
    }));
  }

  TEST_CASE("recent attempts: a reader gets what has changed since it last asked") {
    RecentAttempts recent;
    recent.begun(1, deliveryOf("e1"), WallTime{});
    recent.begun(2, deliveryOf("e2"), WallTime{});
    const std::int64_t seen = recent.changedSince(0).back().change;
    CHECK(recent.changedSince(seen).empty());

    recent.ended(1, std::chrono::microseconds(5), End::kOk, false, "");

    CHECK(words(recent.changedSince(seen)) == Words{"e1 #1 ok"});
    CHECK(words(recent.changedSince(0)) == Words{"e2 #1 running", "e1 #1 ok"});
    CHECK(words(recent.changedSince(seen + 1'000)).size() == 2);
  }

  TEST_CASE("recent attempts: newer ones push out older ones and an end that comes too late") {
    RecentAttempts recent;
    recent.begun(1, deliveryOf("old"), WallTime{});
    for (AttemptToken token = 2; token < 2 + kRecentAttemptsMax; ++token) {
      recent.begun(token, deliveryOf("new"), WallTime{});
    }
    recent.ended(1, {}, End::kOk, false, "");

    const std::vector<RecentAttempt> all = recent.changedSince(0);
    CHECK(all.size() == kRecentAttemptsMax);
    CHECK(std::none_of(all.begin(), all.end(), [](const RecentAttempt& one) {
      return one.event_id == "old" || one.end.has_value();
    }));
  }
}

}  // namespace modhost::host
