// What still moves once an attempt has been revoked.
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/eventually.h"
#include "tests/unit/guard/scene.h"

namespace modhost::host {
namespace {

bool isReady(const std::future<void>& future) {
  return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

// An attempt that has a row, and a PATCH out that sets it running.
struct LateStage {
  LateStage() {
    Scene::run(*attempt, "POST", "/message-log", kFirstStep);
    scene.platform.hold("PATCH", "/message-log");
    reply = Scene::start(*attempt, "PATCH", "/message-log/log_1", R"({"status":"RUNNING"})");
    scene.platform.waitForCalls(2);
  }
  // Its fence has stopped waiting; later calls are answered.
  void giveUp() {
    auto quiet = Scene::revoke(*attempt);
    scene.clock.advance(scene.settings.settle_wait);
    quiet.get();
    scene.platform.answer("PATCH", "/message-log", replied(200));
  }
  // A back-off begins only after the failure that it follows was seen, so it is passed in steps.
  bool passTimeUntilCalls(std::size_t count) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (scene.platform.requests().size() < count) {
      if (std::chrono::steady_clock::now() > limit) return false;
      scene.clock.advance(std::chrono::seconds(1));
      std::this_thread::yield();
    }
    return true;
  }

  Scene scene;
  std::shared_ptr<GuardedAttempt> attempt = scene.open();
  std::future<ModuleReply> reply;
};

}  // namespace

TEST_SUITE("guard") {
  TEST_CASE("guard: a revoked attempt sends nothing and answers cancelled") {
    Scene scene;
    const auto attempt = scene.open();
    CHECK_FALSE(attempt->cancelled());

    auto quiet = Scene::revoke(*attempt);

    CHECK(isReady(quiet));
    CHECK(attempt->cancelled());
    CHECK(Scene::run(*attempt, "POST", "/message-log", kFirstStep).error ==
          ModuleReply::Error::kCancelled);
    CHECK(Scene::run(*attempt, "DELETE", "/forbidden", "").error == ModuleReply::Error::kCancelled);
    CHECK(scene.platform.requests().empty());
    CHECK(scene.ledger().steps.empty());
  }

  TEST_CASE("guard: cancel is seen by the module while its calls still go out") {
    Scene scene;
    const auto attempt = scene.open();

    attempt->cancel();

    CHECK(attempt->cancelled());
    CHECK(Scene::run(*attempt, "POST", "/message-log", kFirstStep).status == 201);
  }

  TEST_CASE("guard: a passed deadline is seen by the module") {
    Scene scene;
    const auto attempt = scene.open();

    scene.clock.advance(std::chrono::minutes(1));

    CHECK(attempt->cancelled());
  }

  TEST_CASE("guard: a read on the wire is cut by the fence") {
    Scene scene;
    scene.platform.hold("POST", "/search");
    const auto attempt = scene.open();
    auto reply = Scene::start(*attempt, "POST", "/search/search", "{}");
    scene.platform.waitForCalls(1);

    auto quiet = Scene::revoke(*attempt);

    CHECK(isReady(quiet));
    CHECK(reply.get().error == ModuleReply::Error::kCancelled);
    CHECK(scene.platform.cancels() == 1);
  }

  TEST_CASE("guard: a write on the wire is never cut but awaited and then known") {
    Scene scene;
    scene.platform.hold("POST", "/message-log");
    const auto attempt = scene.open();
    auto reply = Scene::start(*attempt, "POST", "/message-log", kFirstStep);
    scene.platform.waitForCalls(1);

    auto quiet = Scene::revoke(*attempt);
    auto joined = Scene::revoke(*attempt);
    CHECK_FALSE(isReady(quiet));
    CHECK_FALSE(isReady(joined));
    // No further try of it. The thread that sends it may hear of the fence a moment later.
    CHECK(eventually([&] { return scene.platform.withdrawals() == 1; }));
    scene.platform.reply(replied(201, R"({"id":"log_5"})"));

    quiet.get();
    joined.get();
    CHECK(reply.get().status == 201);
    CHECK(scene.platform.cancels() == 0);
    CHECK(scene.step().log_id == "log_5");
  }

  // It came out of its company's pause beside the closing's calls, and could be overtaken by the
  // apology.
  TEST_CASE("guard: a write that is not on the wire yet is withdrawn by the fence") {
    Scene scene;
    scene.platform.queueUp("PATCH", "/messages/");
    const auto attempt = scene.open();
    auto reply = Scene::start(*attempt, "PATCH", kAnswerPath, kAnswer);
    scene.platform.waitForCalls(1);

    Scene::revoke(*attempt).get();

    CHECK(reply.get().error == ModuleReply::Error::kCancelled);
    CHECK(scene.ledger().answer == AnswerState::kNone);
    scene.platform.answer("PATCH", "/messages/", replied(200));
    CHECK(scene.close(false, true));
    CHECK(scene.platform.lines().back() == std::string("PATCH ") + kAnswerPath);
    CHECK(scene.ledger().answer == AnswerState::kApologised);
  }

  TEST_CASE("guard: a fence that falls while a write is handed over withdraws it too") {
    Scene scene;
    scene.platform.queueUp("PATCH", "/messages/");
    const auto attempt = scene.open();
    std::future<void> quiet;
    scene.platform.onCall([&](const PlatformRequest&) { quiet = Scene::revoke(*attempt); });

    const ModuleReply reply = Scene::run(*attempt, "PATCH", kAnswerPath, kAnswer);

    CHECK(reply.error == ModuleReply::Error::kCancelled);
    quiet.get();
    CHECK(scene.ledger().answer == AnswerState::kNone);
  }

  TEST_CASE("guard: a write that does not come back is awaited for settle_wait and no longer") {
    Scene scene;
    scene.platform.hold("PATCH", "/messages/");
    const auto attempt = scene.open();
    auto reply = Scene::start(*attempt, "PATCH", kAnswerPath, kAnswer);
    scene.platform.waitForCalls(1);
    auto quiet = Scene::revoke(*attempt);

    scene.clock.advance(GuardSettings{}.settle_wait);

    quiet.get();
    CHECK(scene.ledger().answer == AnswerState::kIntended);
    scene.platform.reply(replied(200));
    CHECK(reply.get().status == 200);
    CHECK(scene.ledger().answer == AnswerState::kWritten);
  }

  TEST_CASE("guard: an operation between its record and the wire does not pass the fence") {
    Scene scene;
    const auto attempt = scene.open();
    std::future<void> quiet;
    scene.platform.onCall([&](const PlatformRequest&) {});
    std::promise<void> block;
    scene.inbox.record({}, [&](Result<void>) { block.get_future().wait(); });

    auto reply = Scene::start(*attempt, "POST", "/message-log", kFirstStep);
    quiet = Scene::revoke(*attempt);
    CHECK_FALSE(isReady(quiet));
    block.set_value();

    quiet.get();
    CHECK(reply.get().error == ModuleReply::Error::kCancelled);
    CHECK(scene.platform.requests().empty());
    CHECK(scene.step().state == StepState::kFailed);
  }

  TEST_CASE("guard: a row that comes to light after settle_wait is closed") {
    Scene scene;
    scene.platform.hold("POST", "/message-log");
    const auto attempt = scene.open();
    auto reply = Scene::start(*attempt, "POST", "/message-log", kFirstStep);
    scene.platform.waitForCalls(1);
    auto quiet = Scene::revoke(*attempt);
    scene.clock.advance(GuardSettings{}.settle_wait);
    quiet.get();

    scene.platform.reply(replied(201, R"({"id":"log_5"})"));

    scene.platform.waitForCalls(2);
    CHECK(scene.platform.lines().back() == "PATCH /message-log/log_5");
    CHECK(scene.platform.requests().back().body == R"({"status":"FAILED"})");
    scene.startGuard();  // returns when the late work is done
    CHECK(scene.step().state == StepState::kFailed);
  }

  TEST_CASE("guard: a row that is set running after it was closed is closed again") {
    for (const bool newer_attempt : {false, true}) {
      for (const PlatformOutcome& late_reply :
           {replied(200), replied(504), lost(ErrorKind::kUnavailable, 1)}) {
        LateStage late;
        late.giveUp();
        if (newer_attempt) {
          const auto newer = late.scene.open();
          Scene::run(*newer, "POST", "/message-log", kFirstStep);
          Scene::run(*newer, "PATCH", "/message-log/log_1", R"({"status":"COMPLETED"})");
        } else {
          CHECK(late.scene.close(false, false));
        }
        const PlatformRequest closed = late.scene.platform.requests().back();
        const std::size_t before = late.scene.platform.requests().size();

        late.scene.platform.reply(late_reply);

        late.scene.platform.waitForCalls(before + 1);
        CHECK(late.scene.platform.lines().back() == "PATCH /message-log/log_1");
        CHECK(late.scene.platform.requests().back().body == closed.body);
      }
    }
  }

  TEST_CASE("guard: what goes on with a row is not disturbed by an older attempt's late write") {
    LateStage late;
    late.giveUp();
    const auto newer = late.scene.open();
    Scene::run(*newer, "POST", "/message-log", kFirstStep);
    const std::size_t before = late.scene.platform.requests().size();

    late.scene.platform.reply(replied(200));

    late.reply.get();
    late.scene.startGuard();
    CHECK(late.scene.platform.requests().size() == before);
  }

  TEST_CASE("guard: a late row that can not be closed is tried again and given up in the end") {
    LateStage late;
    late.giveUp();
    CHECK(late.scene.close(false, false));
    const std::size_t before = late.scene.platform.requests().size();
    std::size_t rounds = 3;
    SUBCASE("until the platform takes it") {
      late.scene.platform.answerInTurn("PATCH", "/message-log",
                                       {replied(503), replied(503), replied(200)});
    }
    SUBCASE("at most late_rounds times") {
      late.scene.platform.answer("PATCH", "/message-log", replied(503));
      rounds = static_cast<std::size_t>(GuardSettings{}.late_rounds);
    }

    late.scene.platform.reply(replied(200));

    for (std::size_t round = 1; round < rounds; ++round) {
      late.scene.platform.waitForCalls(before + round);
      CHECK(late.passTimeUntilCalls(before + round + 1));
    }
    late.scene.clock.advance(std::chrono::hours(1));
    late.scene.startGuard();
    CHECK(late.scene.platform.requests().size() == before + rounds);
    CHECK(late.scene.step().state == (rounds == 3 ? StepState::kFailed : StepState::kOpen));
  }

  TEST_CASE("guard: its end does not wait for the next round of a late row") {
    LateStage late;
    late.giveUp();
    late.scene.platform.answer("PATCH", "/message-log", replied(503));
    const std::size_t before = late.scene.platform.requests().size();
    late.scene.platform.reply(replied(200));
    late.scene.platform.waitForCalls(before + 1);

    late.scene.startGuard();

    CHECK(late.scene.platform.requests().size() == before + 1);
  }

  TEST_CASE("guard: its end cuts what is on the wire and leaves attempts that answer cancelled") {
    Scene scene;
    scene.platform.hold("PATCH", "/messages/");
    const auto attempt = scene.open();
    auto reply = Scene::start(*attempt, "PATCH", kAnswerPath, kAnswer);
    scene.platform.waitForCalls(1);

    scene.guard.reset();

    CHECK(reply.get().error == ModuleReply::Error::kCancelled);
    CHECK(scene.ledger().answer == AnswerState::kIntended);
    CHECK(Scene::run(*attempt, "GET", "/messages", "").error == ModuleReply::Error::kCancelled);
    CHECK(attempt->cancelled());
  }
}

}  // namespace modhost::host
