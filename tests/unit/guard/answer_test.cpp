// Whether the assistant message is known to be written.
#include <nlohmann/json.hpp>

#include "tests/unit/guard/scene.h"

namespace modhost::host {

TEST_SUITE("guard") {
  TEST_CASE("guard: an answer is intended before it leaves and written before the module knows") {
    Scene scene;
    const auto attempt = scene.open();
    AnswerState seen{};
    scene.platform.onCall([&](const PlatformRequest&) { seen = scene.ledger().answer; });

    const ModuleReply reply = Scene::run(*attempt, "PATCH", kAnswerPath, kAnswer);

    CHECK(reply.status == 200);
    CHECK(seen == AnswerState::kIntended);
    CHECK(scene.ledger().answer == AnswerState::kWritten);
    CHECK(scene.guard->standing(scene.delivery.key).take().answered);
    CHECK(scene.platform.requests().at(0).body == kAnswer);
  }

  TEST_CASE("guard: another spelling of the message id is the same message") {
    Scene scene;
    const auto attempt = scene.open();

    Scene::run(*attempt, "PATCH", "/messages/msg%5Fa%5Fevt%5F1", kAnswer);

    CHECK(scene.ledger().answer == AnswerState::kWritten);
  }

  TEST_CASE("guard: other messages and texts that say nothing are no answer") {
    Scene scene;
    const auto attempt = scene.open();

    Scene::run(*attempt, "PATCH", "/messages/msg_other", kAnswer);
    Scene::run(*attempt, "PATCH", kAnswerPath, R"({"chatId":"c","references":[]})");
    Scene::run(*attempt, "PATCH", kAnswerPath, R"({"chatId":"c","text":""})");
    Scene::run(*attempt, "PATCH", kAnswerPath, R"({"chatId":"c","text":null})");

    CHECK(scene.platform.requests().size() == 4);
    CHECK(scene.ledger().answer == AnswerState::kNone);
  }

  TEST_CASE("guard: an integrated stream into the message is an answer") {
    Scene scene;
    const auto attempt = scene.open();

    Scene::run(*attempt, "POST", "/integrated/chat/stream-completions",
               R"({"assistantMessageId":"msg_other"})");
    CHECK(scene.ledger().answer == AnswerState::kNone);
    Scene::run(*attempt, "POST", "/integrated/chat/stream-completions",
               R"({"assistantMessageId":"msg_a_evt_1"})");
    CHECK(scene.ledger().answer == AnswerState::kWritten);
  }

  TEST_CASE("guard: an answer of unknown fate stays intended and is not called answered") {
    for (const PlatformOutcome& outcome :
         {lost(ErrorKind::kTimeout, 1), lost(ErrorKind::kUnavailable, 3), replied(503, "{}", 1),
          replied(504)}) {
      Scene scene;
      scene.platform.answer("PATCH", "/messages/", outcome);
      const auto attempt = scene.open();

      Scene::run(*attempt, "PATCH", kAnswerPath, kAnswer);

      CHECK(scene.ledger().answer == AnswerState::kIntended);
      CHECK_FALSE(scene.guard->standing(scene.delivery.key).take().answered);
    }
  }

  TEST_CASE("guard: an answer that certainly failed is no longer in doubt") {
    Scene scene;
    scene.platform.answer("PATCH", "/messages/", replied(400));
    const auto attempt = scene.open();

    Scene::run(*attempt, "PATCH", kAnswerPath, kAnswer);

    CHECK(scene.ledger().answer == AnswerState::kNone);
  }

  TEST_CASE("guard: a later write of unknown fate does not unsay an answer that stands") {
    Scene scene;
    scene.platform.answerInTurn("PATCH", "/messages/",
                                {replied(200), lost(ErrorKind::kTimeout, 1)});
    const auto attempt = scene.open();
    Scene::run(*attempt, "PATCH", kAnswerPath, kAnswer);

    Scene::run(*attempt, "PATCH", kAnswerPath, kAnswer);

    CHECK(scene.ledger().answer == AnswerState::kWritten);
  }

  TEST_CASE("guard: one failed write does not lift the doubt about another one") {
    Scene scene;
    scene.platform.answerInTurn("PATCH", "/messages/",
                                {lost(ErrorKind::kTimeout, 1), replied(400)});
    const auto attempt = scene.open();

    Scene::run(*attempt, "PATCH", kAnswerPath, kAnswer);
    Scene::run(*attempt, "PATCH", kAnswerPath, kAnswer);

    CHECK(scene.ledger().answer == AnswerState::kIntended);
  }
}

}  // namespace modhost::host
