// How the guard finds out that the user pressed stop, and what a look may cost.
#include <algorithm>
#include <thread>

#include "tests/support/eventually.h"
#include "tests/unit/guard/scene.h"

namespace modhost::host {
namespace {

constexpr char kGoesOn[] = R"({"id":"m","text":null,"userAbortedAt":null})";

bool isReady(const std::future<void>& future) {
  return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

std::future<void> watch(GuardedAttempt& attempt) {
  auto promise = std::make_shared<std::promise<void>>();
  auto future = promise->get_future();
  attempt.watchForStop([promise] { promise->set_value(); });
  return future;
}

long looks(const Scene& scene) {
  const auto lines = scene.platform.lines();
  return std::count(lines.begin(), lines.end(), kLook);
}

void waitForLooks(const Scene& scene, long count) {
  while (looks(scene) < count) std::this_thread::yield();
}

// Returns when what the platform answered before has been dealt with: it has one thread.
void afterReplies(GuardedAttempt& attempt) { Scene::run(attempt, "GET", "/messages", ""); }

// One more look, answered and dealt with.
void look(Scene& scene, GuardedAttempt& attempt) {
  const long before = looks(scene);
  scene.clock.advance(scene.settings.stop_poll);
  waitForLooks(scene, before + 1);
  afterReplies(attempt);
}

}  // namespace

TEST_SUITE("guard") {
  TEST_CASE("guard: a stop is found by the next look and the module's calls still go out") {
    Scene scene;
    scene.platform.answer("GET", kAnswerPath, replied(200, kGoesOn));
    const auto attempt = scene.open();
    auto stopped = watch(*attempt);
    look(scene, *attempt);
    look(scene, *attempt);
    CHECK_FALSE(isReady(stopped));
    CHECK_FALSE(attempt->cancelled());
    CHECK(scene.platform.requests()[0].user_id == "101");
    CHECK(scene.platform.requests()[0].company_id == "202");

    scene.platform.answer("GET", kAnswerPath, replied(200, kAborted));
    look(scene, *attempt);

    stopped.get();
    CHECK(attempt->userStopped());
    CHECK(attempt->cancelled());
    CHECK(Scene::run(*attempt, "PATCH", kAnswerPath, kAnswer).status == 200);
    scene.clock.advance(10 * scene.settings.stop_poll);
    afterReplies(*attempt);
    CHECK(looks(scene) == 3);
  }

  TEST_CASE("guard: there is one look at a time however slow the platform is") {
    Scene scene;
    scene.platform.hold("GET", kAnswerPath);
    const auto attempt = scene.open();
    const auto stopped = watch(*attempt);
    scene.clock.advance(scene.settings.stop_poll);
    waitForLooks(scene, 1);

    for (int i = 0; i < 5; ++i) {
      scene.clock.advance(scene.settings.stop_poll);
      afterReplies(*attempt);
    }

    CHECK(looks(scene) == 1);
    scene.platform.reply(replied(200, kGoesOn));
    afterReplies(*attempt);
    look(scene, *attempt);
    CHECK(looks(scene) == 2);
  }

  TEST_CASE("guard: a look that fails is counted and forgotten and never tried again at once") {
    Scene scene;
    scene.platform.answerInTurn("GET", kAnswerPath,
                                {replied(503), replied(429), replied(404), replied(200, "<html>"),
                                 lost(ErrorKind::kTimeout, 1), replied(200, kAborted)});
    const auto attempt = scene.open();
    auto stopped = watch(*attempt);

    for (int i = 0; i < 5; ++i) look(scene, *attempt);

    CHECK_FALSE(attempt->userStopped());
    CHECK(scene.metric("modhost_stop_polls_failed_total 5"));
    look(scene, *attempt);
    stopped.get();
    for (const PlatformRequest& request : scene.platform.requests()) {
      if (request.path.starts_with(kAnswerPath)) CHECK(request.tries_max == 1);
    }
  }

  TEST_CASE("guard: the fence cuts the look on the wire and none follows") {
    Scene scene;
    scene.platform.hold("GET", kAnswerPath);
    const auto attempt = scene.open();
    const auto stopped = watch(*attempt);
    scene.clock.advance(scene.settings.stop_poll);
    waitForLooks(scene, 1);

    auto quiet = Scene::revoke(*attempt);

    CHECK(isReady(quiet));
    scene.clock.advance(10 * scene.settings.stop_poll);
    const auto other = scene.open();
    afterReplies(*other);
    CHECK(eventually([&] { return scene.platform.cancels() == 1; }));
    CHECK(looks(scene) == 1);
    CHECK(scene.metric("modhost_stop_polls_failed_total 0"));
  }

  TEST_CASE("guard: no look lives longer than the attempt's deadline") {
    Scene scene;
    scene.platform.answer("GET", kAnswerPath, replied(200, kGoesOn));
    const auto attempt = scene.open();
    const SteadyTime deadline = scene.clock.steadyNow() + std::chrono::minutes(1);
    const auto stopped = watch(*attempt);
    look(scene, *attempt);
    CHECK(scene.platform.requests()[0].deadline ==
          scene.clock.steadyNow() + scene.settings.call_timeout);
    scene.clock.advance(std::chrono::seconds(50));
    look(scene, *attempt);
    const long before = looks(scene);

    scene.clock.advance(std::chrono::minutes(1));
    afterReplies(*attempt);

    CHECK(looks(scene) == before);
    for (const PlatformRequest& request : scene.platform.requests()) {
      if (request.path.starts_with(kAnswerPath)) CHECK(request.deadline <= deadline);
    }
  }

  TEST_CASE("guard: what has waited longer than stop_poll is looked at at once") {
    Scene scene;
    scene.platform.answer("GET", kAnswerPath, replied(200, kAborted));
    scene.clock.advance(std::chrono::minutes(5));
    const auto attempt = scene.open();

    auto stopped = watch(*attempt);

    stopped.get();
    CHECK(looks(scene) == 1);
  }

  TEST_CASE("guard: nobody looks when no bubble waits or the operator switched it off") {
    Scene scene;
    SUBCASE("no bubble") {
      auto event = std::make_shared<Event>(*scene.delivery.event);
      event->assistant_message_id.clear();
      scene.delivery.event = event;
    }
    SUBCASE("switched off") {
      scene.settings.stop_poll = Milliseconds(0);
      scene.startGuard();
    }
    const auto attempt = scene.open();
    const auto stopped = watch(*attempt);

    scene.clock.advance(std::chrono::seconds(30));
    afterReplies(*attempt);

    CHECK(scene.platform.requests().size() == 1);
  }

  TEST_CASE("guard: its end waits for the look on the wire") {
    Scene scene;
    scene.platform.hold("GET", kAnswerPath);
    const auto attempt = scene.open();
    const auto stopped = watch(*attempt);
    scene.clock.advance(scene.settings.stop_poll);
    waitForLooks(scene, 1);

    scene.guard.reset();

    CHECK(scene.platform.cancels() >= 1);
    CHECK_FALSE(attempt->userStopped());
  }
}

}  // namespace modhost::host
