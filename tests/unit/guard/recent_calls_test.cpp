// What is kept of the platform calls of deliveries, and what is not.
#include "host/guard/recent_calls.h"

#include "tests/unit/guard/scene.h"

namespace modhost::host {

TEST_SUITE("guard") {
  TEST_CASE("guard: a module's call is kept with its attempt and without what it says") {
    Scene scene;
    scene.platform.hold("PATCH", kAnswerPath);
    const auto attempt = scene.open();
    auto reply = Scene::start(*attempt, "PATCH", kAnswerPath, kAnswer);
    scene.platform.waitForCalls(1);

    const auto under_way = scene.guard->callsOf(scene.delivery.key.seq);
    REQUIRE(under_way.size() == 1);
    CHECK(under_way[0].owner.key == scene.delivery.key);
    CHECK(under_way[0].owner.attempt == 1);
    CHECK(under_way[0].method == "PATCH");
    CHECK(under_way[0].route == "/messages/*");
    CHECK(under_way[0].started_at == scene.clock.wallNow());
    CHECK_FALSE(under_way[0].ended);

    scene.clock.advance(Milliseconds(30));
    PlatformOutcome outcome = replied(503);
    outcome.tries = 3;
    scene.platform.reply(outcome);
    reply.get();
    const auto ended = scene.guard->callsOf(scene.delivery.key.seq);
    REQUIRE(ended.size() == 1);
    CHECK(ended[0].ended);
    CHECK(ended[0].took == std::chrono::milliseconds(30));
    CHECK(ended[0].status == 503);
    CHECK_FALSE(ended[0].error);
    CHECK(ended[0].tries == 3);
    CHECK(scene.guard->callsOf(scene.delivery.key.seq + 1).empty());
  }

  TEST_CASE("guard: a call without a reply is kept with the kind of its error") {
    Scene scene;
    scene.platform.answer("POST", "/search", lost(ErrorKind::kTimeout, 1));
    const auto attempt = scene.open();
    Scene::run(*attempt, "POST", "/search/search", "{}");

    const auto calls = scene.guard->callsOf(scene.delivery.key.seq);
    REQUIRE(calls.size() == 1);
    CHECK(calls[0].status == 0);
    CHECK(calls[0].error == ErrorKind::kTimeout);
  }

  TEST_CASE("guard: the host's closing calls are kept as its own") {
    Scene scene;
    CHECK(scene.close(false, true));

    const auto calls = scene.guard->callsOf(scene.delivery.key.seq);
    REQUIRE(calls.size() == 2);
    CHECK(calls[0].method == "GET");
    CHECK(calls[1].method == "PATCH");
    for (const RecentCall& call : calls) {
      CHECK(call.owner.attempt == 0);
      CHECK(call.route == "/messages/*");
    }
  }

  TEST_CASE("guard: looks for the user's stop are not kept") {
    Scene scene;
    const auto attempt = scene.open();
    attempt->watchForStop([] {});
    scene.clock.advance(scene.settings.stop_poll);
    scene.platform.waitForCalls(1);

    CHECK(scene.guard->callsOf(scene.delivery.key.seq).empty());
  }

  TEST_CASE("guard: the newest calls push out the oldest") {
    RecentCalls calls;
    const PlatformRequest request{"GET", "/messages/m", "", "u", "c"};
    const auto first = calls.begun({{1, "rag"}, 1}, request, WallTime{});
    for (std::size_t at = 0; at < kRecentCallsMax; ++at) {
      calls.begun({{2, "rag"}, 1}, request, WallTime{});
    }

    calls.ended(first, replied(200), Milliseconds(1));

    CHECK(calls.of(1).empty());
    const auto kept = calls.of(2);
    REQUIRE(kept.size() == kRecentCallsMax);
    CHECK(kept.front().number == 2);
    CHECK(kept.back().number == kRecentCallsMax + 1);
    CHECK_FALSE(kept.back().ended);
  }
}

}  // namespace modhost::host
