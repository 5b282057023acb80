// How a chat is ended well, whatever its module did.
#include <nlohmann/json.hpp>

#include "tests/unit/guard/scene.h"

namespace modhost::host {
namespace {

using Lines = std::vector<std::string>;

std::string stepBody(int order) {
  return R"({"messageId":"msg_a_evt_1","text":"t","status":"RUNNING","order":)" +
         std::to_string(order) + "}";
}

// What was sent after the first `before` calls.
Lines linesAfter(const Scene& scene, std::size_t before) {
  const Lines all = scene.platform.lines();
  return {all.begin() + static_cast<std::ptrdiff_t>(before), all.end()};
}

const std::string kApology = std::string("PATCH ") + kAnswerPath;

}  // namespace

TEST_SUITE("guard") {
  TEST_CASE("guard: a bad end closes every open step and then apologises once") {
    Scene scene;
    auto attempt = scene.open();
    for (int order = 1; order <= 3; ++order) {
      Scene::run(*attempt, "POST", "/message-log", stepBody(order));
    }
    Scene::run(*attempt, "PATCH", "/message-log/log_2", R"({"status":"COMPLETED"})");
    attempt.reset();
    scene.startGuard();

    CHECK(scene.close(false, true));

    CHECK(linesAfter(scene, 4) ==
          Lines{"PATCH /message-log/log_1", "PATCH /message-log/log_3", kLook, kApology});
    const auto requests = scene.platform.requests();
    CHECK(requests[4].body == R"({"status":"FAILED"})");
    CHECK(nlohmann::json::parse(requests[7].body) ==
          nlohmann::json{{"chatId", "chat_aa11"}, {"text", GuardSettings{}.apology}});
    CHECK(requests[7].user_id == "101");
    CHECK(requests[7].company_id == "202");
    CHECK(scene.step(0).state == StepState::kFailed);
    CHECK(scene.ledger().answer == AnswerState::kApologised);
    CHECK_FALSE(scene.guard->standing(scene.delivery.key).take().answered);
    CHECK(scene.guard->standing(scene.delivery.key).take().apologised);
    CHECK(scene.close(false, true));
    CHECK(scene.platform.requests().size() == 8);
  }

  TEST_CASE("guard: a good end sets steps left open to completed and counts them") {
    Scene scene;
    const auto attempt = scene.open();
    Scene::run(*attempt, "POST", "/message-log", kFirstStep);

    CHECK(scene.close(true, false));

    CHECK(scene.platform.requests().back().body == R"({"status":"COMPLETED"})");
    CHECK(scene.step().state == StepState::kCompleted);
    CHECK(scene.metric("modhost_steps_closed_total{as=\"completed\"} 1"));
  }

  TEST_CASE("guard: no apology where an answer stands or none is asked for or no bubble waits") {
    Scene scene;
    SUBCASE("an answer stands") {
      const auto attempt = scene.open();
      Scene::run(*attempt, "PATCH", kAnswerPath, kAnswer);
      CHECK(scene.close(false, true));
      CHECK(scene.platform.requests().size() == 1);
    }
    SUBCASE("none is asked for") {
      CHECK(scene.close(false, false));
      CHECK(scene.platform.requests().empty());
    }
    SUBCASE("no bubble waits") {
      auto event = std::make_shared<Event>(*scene.delivery.event);
      event->assistant_message_id.clear();
      scene.delivery.event = event;
      CHECK(scene.close(false, true));
      CHECK(scene.platform.requests().empty());
    }
  }

  TEST_CASE("guard: an answer in doubt is looked for before an apology") {
    Scene scene;
    scene.platform.answer("PATCH", "/messages/", lost(ErrorKind::kTimeout, 1));
    const auto attempt = scene.open();
    Scene::run(*attempt, "PATCH", kAnswerPath, kAnswer);
    scene.platform.answer("PATCH", "/messages/", replied(200));

    SUBCASE("it did arrive") {
      scene.platform.answer("GET", "/messages/", replied(200, R"({"id":"m","text":"Answer"})"));
      CHECK(scene.close(false, true));
      CHECK(linesAfter(scene, 1) == Lines{kLook});
      CHECK(scene.ledger().answer == AnswerState::kWritten);
    }
    SUBCASE("it did not arrive") {
      scene.platform.answer("GET", "/messages/", replied(200, R"({"id":"m","text":null})"));
      CHECK(scene.close(false, true));
      CHECK(linesAfter(scene, 1) == Lines{kLook, kApology});
      CHECK(scene.ledger().answer == AnswerState::kApologised);
    }
    SUBCASE("nobody knows") {
      scene.platform.answerInTurn(
          "GET", "/messages/",
          {replied(503), lost(ErrorKind::kTimeout, 0), replied(200, "<html>")});
      for (std::size_t asked = 1; asked <= 3; ++asked) {
        CHECK_FALSE(scene.close(false, true));
        CHECK(linesAfter(scene, 1) == Lines(asked, kLook));
      }
      CHECK(scene.ledger().answer == AnswerState::kIntended);
    }
  }

  TEST_CASE("guard: nothing is written into a message that the user stopped") {
    Scene scene;
    const auto attempt = scene.open();
    Scene::run(*attempt, "POST", "/message-log", kFirstStep);
    SUBCASE("no answer was tried") {}
    SUBCASE("an answer is in doubt") {
      scene.platform.answer("PATCH", "/messages/", lost(ErrorKind::kTimeout, 1));
      Scene::run(*attempt, "PATCH", kAnswerPath, kAnswer);
    }
    const std::size_t before = scene.platform.requests().size();
    scene.platform.answer("GET", "/messages/", replied(200, kAborted));

    CHECK(scene.close(false, true));

    CHECK(linesAfter(scene, before) == Lines{"PATCH /message-log/log_1", kLook});
    CHECK(scene.step().state == StepState::kFailed);
  }

  TEST_CASE("guard: an apology that a dead host wrote but did not record is not written again") {
    Scene scene;
    const nlohmann::json message = {{"id", "m"}, {"text", scene.settings.apology}};
    scene.platform.answer("GET", "/messages/", replied(200, message.dump()));

    CHECK(scene.close(false, true));

    CHECK(scene.platform.lines() == Lines{kLook});
    CHECK(scene.ledger().answer == AnswerState::kApologised);
  }

  TEST_CASE("guard: a look that fails stops no apology where no answer can stand") {
    for (const PlatformOutcome& failed :
         {replied(503), replied(404), replied(200, "<html>"), lost(ErrorKind::kTimeout, 1)}) {
      Scene scene;
      scene.platform.answer("GET", "/messages/", failed);

      CHECK(scene.close(false, true));

      CHECK(scene.platform.lines() == Lines{kLook, kApology});
      CHECK(scene.platform.requests().front().tries_max == 1);
      CHECK(scene.ledger().answer == AnswerState::kApologised);
    }
  }

  TEST_CASE("guard: a closing call that fails stops neither its neighbours nor the apology") {
    Scene scene;
    const auto attempt = scene.open();
    for (int order = 1; order <= 2; ++order) {
      Scene::run(*attempt, "POST", "/message-log", stepBody(order));
    }
    scene.platform.answer("PATCH", "/message-log/log_1", replied(500));

    CHECK_FALSE(scene.close(false, true));

    CHECK(scene.step(0).state == StepState::kOpen);
    CHECK(scene.step(1).state == StepState::kFailed);
    CHECK(scene.ledger().answer == AnswerState::kApologised);
    CHECK(scene.metric("modhost_closing_calls_failed_total 1"));
  }

  TEST_CASE("guard: an apology the platform does not take is still owed") {
    Scene scene;
    scene.platform.answerInTurn("PATCH", "/messages/", {replied(500), replied(200)});

    CHECK_FALSE(scene.close(false, true));
    CHECK(scene.ledger().answer == AnswerState::kNone);
    CHECK(scene.close(false, true));
    CHECK(scene.ledger().answer == AnswerState::kApologised);
  }

  TEST_CASE("guard: a create nobody saw confirmed is counted once and is no failed closing") {
    Scene scene;
    scene.platform.answer("POST", "/message-log", lost(ErrorKind::kTimeout, 1));
    const auto attempt = scene.open();
    Scene::run(*attempt, "POST", "/message-log", kFirstStep);
    CHECK(scene.guard->standing(scene.delivery.key).take().open_steps);
    CHECK(attempt->openSteps());

    CHECK(scene.close(false, false));
    CHECK(scene.close(false, false));

    CHECK(scene.step().ambiguous == 1);
    CHECK(scene.metric("modhost_ambiguous_creates_total 1"));
    CHECK_FALSE(scene.guard->standing(scene.delivery.key).take().open_steps);
    CHECK(scene.platform.requests().size() == 1);
  }

  TEST_CASE("guard: each closing call has the guard's own time and not the attempt's") {
    Scene scene;
    const auto attempt = scene.open();
    Scene::run(*attempt, "POST", "/message-log", kFirstStep);
    scene.clock.advance(std::chrono::minutes(5));

    CHECK(scene.close(false, true));

    for (std::size_t i = 1; i <= 3; ++i) {
      CHECK(scene.platform.requests().at(i).deadline ==
            scene.clock.steadyNow() + GuardSettings{}.call_timeout);
    }
  }
}

}  // namespace modhost::host
