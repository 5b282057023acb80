// What an attempt's calls make of an inbox that takes no ledger entry for a moment: a full disk.
#include <limits>
#include <thread>

#include "tests/unit/guard/scene.h"

namespace modhost::host {
namespace {

constexpr int kForEver = std::numeric_limits<int>::max();

// Passes time until the call has ended; how much of it.
Milliseconds passTimeUntil(Scene& scene, const std::future<ModuleReply>& reply) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  const SteadyTime begun = scene.clock.steadyNow();
  while (reply.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    REQUIRE(std::chrono::steady_clock::now() < limit);
    scene.clock.advance(Milliseconds(10));
    std::this_thread::yield();
  }
  return std::chrono::duration_cast<Milliseconds>(scene.clock.steadyNow() - begun);
}

// A guard whose patience, and an attempt whose deadline, no test can pass.
std::shared_ptr<GuardedAttempt> openPatient(Scene& scene) {
  scene.settings.record_wait = std::chrono::hours(100'000);
  scene.startGuard();
  return scene.guard->open(scene.delivery, scene.clock.steadyNow() + std::chrono::hours(100'000),
                           std::make_shared<const std::vector<CallPattern>>(defaultCallPatterns()));
}

}  // namespace

TEST_SUITE("guard") {
  TEST_CASE("guard: a call whose intent is refused for a moment leaves when it is recorded") {
    Scene scene;
    const auto attempt = openPatient(scene);
    SUBCASE("an answer") {
      scene.inbox.refuseRecords(3);
      auto reply = Scene::start(*attempt, "PATCH", kAnswerPath, kAnswer);
      passTimeUntil(scene, reply);
      CHECK(reply.get().status == 200);
      CHECK(scene.ledger().answer == AnswerState::kWritten);
    }
    SUBCASE("a new step") {
      scene.inbox.refuseRecords(3);
      auto reply = Scene::start(*attempt, "POST", "/message-log", kFirstStep);
      passTimeUntil(scene, reply);
      CHECK(reply.get().status == 201);
      CHECK(scene.step().state == StepState::kOpen);
      CHECK(scene.step().ambiguous == 0);
    }
    SUBCASE("a step that is opened again") {
      Scene::run(*attempt, "POST", "/message-log", kFirstStep);
      Scene::run(*attempt, "PATCH", "/message-log/log_1", R"({"status":"COMPLETED"})");
      scene.inbox.refuseRecords(3);
      auto reply = Scene::start(*attempt, "PATCH", "/message-log/log_1", R"({"status":"RUNNING"})");
      passTimeUntil(scene, reply);
      CHECK(reply.get().status == 200);
      CHECK(scene.step().state == StepState::kOpen);
    }
  }

  TEST_CASE("guard: a call whose intent can not be recorded fails after record_wait unsent") {
    Scene scene;
    const auto attempt = scene.open();
    scene.inbox.refuseRecords(kForEver);

    auto reply = Scene::start(*attempt, "PATCH", kAnswerPath, kAnswer);
    const Milliseconds waited = passTimeUntil(scene, reply);

    CHECK(reply.get().error == ModuleReply::Error::kUnavailable);
    CHECK(waited >= GuardSettings{}.record_wait);
    CHECK(scene.platform.requests().empty());
    scene.inbox.refuseRecords(0);
    CHECK(scene.close(false, true));
    CHECK(scene.ledger().answer == AnswerState::kApologised);
  }

  TEST_CASE("guard: no call waits for its record beyond the fence or the guard's end") {
    Scene scene;
    const auto attempt = openPatient(scene);
    scene.inbox.refuseRecords(kForEver);
    auto reply = Scene::start(*attempt, "PATCH", kAnswerPath, kAnswer);

    SUBCASE("the fence") {
      auto quiet = Scene::revoke(*attempt);
      passTimeUntil(scene, reply);
      quiet.get();
    }
    SUBCASE("the guard's end") { scene.guard.reset(); }

    CHECK(reply.get().error == ModuleReply::Error::kUnavailable);
    CHECK(scene.platform.requests().empty());
  }
}

}  // namespace modhost::host
