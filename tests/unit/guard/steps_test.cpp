// What becomes of the steps a module creates and updates.
#include <nlohmann/json.hpp>

#include "tests/support/eventually.h"
#include "tests/unit/guard/scene.h"

namespace modhost::host {

TEST_SUITE("guard") {
  TEST_CASE("guard: the intent of a create is in the ledger before the create leaves") {
    Scene scene;
    const auto attempt = scene.open();
    StepState seen{};
    std::string seen_id = "unset";
    scene.platform.onCall([&](const PlatformRequest&) {
      seen = scene.step().state;
      seen_id = scene.step().log_id;
    });

    Scene::run(*attempt, "POST", "/message-log", kFirstStep);

    CHECK(seen == StepState::kIntended);
    CHECK(seen_id.empty());
  }

  TEST_CASE("guard: the row is in the ledger before the module has the reply") {
    Scene scene;
    const auto attempt = scene.open();

    const ModuleReply reply = Scene::run(*attempt, "POST", "/message-log", kFirstStep);

    CHECK(reply.status == 201);
    CHECK(nlohmann::json::parse(reply.body)["id"] == "log_1");
    CHECK(scene.step().log_id == "log_1");
    CHECK(scene.step().state == StepState::kOpen);
    CHECK(scene.step().ambiguous == 0);
    const PlatformRequest sent = scene.platform.requests().at(0);
    CHECK(sent.body == kFirstStep);
    CHECK(sent.user_id == "101");
    CHECK(sent.company_id == "202");
    CHECK(sent.route == "/message-log");
    CHECK(sent.origin->trace.trace_id == traceFrom("evt_1").trace_id);
    CHECK(sent.origin->scope == "module rag");
    CHECK(sent.span_id.size() == 16);
    // A write is awaited beyond the attempt's deadline, never cut by it.
    CHECK(sent.deadline ==
          scene.clock.steadyNow() + std::chrono::minutes(1) + GuardSettings{}.settle_wait);
  }

  TEST_CASE("guard: a second attempt continues the known row instead of creating one") {
    Scene scene;
    auto attempt = scene.open();
    Scene::run(*attempt, "POST", "/message-log", kFirstStep);
    attempt = scene.openAgain();

    const ModuleReply reply = Scene::run(*attempt, "POST", "/message-log", kFirstStep);

    CHECK(reply.status == 200);
    const auto row = nlohmann::json::parse(reply.body);
    CHECK(row["id"] == "log_1");
    CHECK(row["messageId"] == "msg_a_evt_1");
    CHECK(row["order"] == 1);
    CHECK(scene.platform.lines() ==
          std::vector<std::string>{"POST /message-log", "PATCH /message-log/log_1"});
    CHECK(scene.platform.requests()[1].route == "/message-log/*");
    CHECK(scene.platform.requests()[1].span_id != scene.platform.requests()[0].span_id);
    CHECK(nlohmann::json::parse(scene.platform.requests()[1].body) ==
          nlohmann::json{{"text", "Searching"}, {"status", "RUNNING"}});
  }

  TEST_CASE("guard: the same create twice within one attempt is two steps") {
    Scene scene;
    const auto attempt = scene.open();

    Scene::run(*attempt, "POST", "/message-log", kFirstStep);
    Scene::run(*attempt, "POST", "/message-log", kFirstStep);

    CHECK(scene.ledger().steps.size() == 2);
    CHECK(scene.step(1).key.nth == 1);
    CHECK(scene.step(1).log_id == "log_2");
  }

  TEST_CASE("guard: a create whose reply was never seen is made again and counted as ambiguous") {
    Scene scene;
    scene.platform.answerInTurn("POST", "/message-log",
                                {lost(ErrorKind::kTimeout, 1), replied(201, R"({"id":"log_9"})")});
    auto attempt = scene.open();
    CHECK(Scene::run(*attempt, "POST", "/message-log", kFirstStep).error ==
          ModuleReply::Error::kTimeout);
    CHECK(scene.step().state == StepState::kIntended);
    CHECK(scene.metric("modhost_ambiguous_creates_total 0"));
    attempt = scene.openAgain();

    Scene::run(*attempt, "POST", "/message-log", kFirstStep);

    CHECK(scene.step().log_id == "log_9");
    CHECK(scene.step().ambiguous == 1);
    CHECK(scene.metric("modhost_ambiguous_creates_total 1"));
  }

  TEST_CASE("guard: tries of unknown fate within one create are ambiguous") {
    Scene scene;
    scene.platform.answer("POST", "/message-log", replied(201, R"({"id":"log_9"})", 2));
    const auto attempt = scene.open();

    Scene::run(*attempt, "POST", "/message-log", kFirstStep);

    CHECK(scene.step().ambiguous == 2);
    CHECK(scene.metric("modhost_ambiguous_creates_total 2"));
  }

  TEST_CASE("guard: a create that certainly failed leaves no doubt behind") {
    for (const PlatformOutcome& outcome :
         {replied(400), replied(503), lost(ErrorKind::kUnavailable, 0)}) {
      Scene scene;
      scene.platform.answerInTurn("POST", "/message-log",
                                  {outcome, replied(201, R"({"id":"log_9"})")});
      auto attempt = scene.open();
      Scene::run(*attempt, "POST", "/message-log", kFirstStep);
      CHECK(scene.step().state == StepState::kFailed);
      CHECK_FALSE(scene.guard->standing(scene.delivery.key).take().open_steps);
      CHECK_FALSE(attempt->openSteps());
      attempt = scene.openAgain();

      Scene::run(*attempt, "POST", "/message-log", kFirstStep);

      CHECK(scene.step().ambiguous == 0);
      CHECK(scene.metric("modhost_ambiguous_creates_total 0"));
    }
  }

  TEST_CASE("guard: a create answered with a page that names no row stays in doubt") {
    Scene scene;
    scene.platform.answer("POST", "/message-log", replied(200, "<html>ok</html>"));
    const auto attempt = scene.open();

    const ModuleReply reply = Scene::run(*attempt, "POST", "/message-log", kFirstStep);

    CHECK(reply.body == "<html>ok</html>");
    CHECK(scene.step().state == StepState::kIntended);
  }

  TEST_CASE("guard: a step becomes completed only when the platform has said so") {
    Scene scene;
    const auto attempt = scene.open();
    Scene::run(*attempt, "POST", "/message-log", kFirstStep);
    scene.platform.answerInTurn("PATCH", "/message-log/", {replied(500), replied(200)});

    const std::string done = R"({"text":"Found 3","status":"COMPLETED"})";
    Scene::run(*attempt, "PATCH", "/message-log/log_1", done);
    CHECK(scene.step().state == StepState::kOpen);
    Scene::run(*attempt, "PATCH", "/message-log/log_1", done);
    CHECK(scene.step().state == StepState::kCompleted);
    CHECK(scene.platform.requests().back().body == done);
  }

  TEST_CASE("guard: a completed row counts as open before a PATCH opens it again") {
    Scene scene;
    auto attempt = scene.open();
    Scene::run(*attempt, "POST", "/message-log", kFirstStep);
    Scene::run(*attempt, "PATCH", "/message-log/log_1", R"({"status":"COMPLETED"})");
    attempt = scene.openAgain();
    StepState seen{};
    scene.platform.onCall([&](const PlatformRequest&) { seen = scene.step().state; });

    Scene::run(*attempt, "POST", "/message-log", kFirstStep);

    CHECK(seen == StepState::kOpen);
  }

  TEST_CASE("guard: a row it did not create is passed on and stays unknown") {
    Scene scene;
    const auto attempt = scene.open();

    const ModuleReply reply =
        Scene::run(*attempt, "PATCH", "/message-log/log_77", R"({"status":"COMPLETED"})");

    CHECK(reply.status == 200);
    CHECK(scene.ledger().steps.empty());
  }

  TEST_CASE("guard: when storage has failed for good the answer is finished and no row made") {
    Scene scene;
    const auto attempt = scene.open();
    scene.inbox.fail({ErrorKind::kCorrupt, "disk"});

    CHECK(Scene::run(*attempt, "POST", "/message-log", kFirstStep).error ==
          ModuleReply::Error::kUnavailable);
    CHECK(scene.platform.requests().empty());
    // Nobody waits for the record of what the call came to.
    CHECK(eventually([&] { return !scene.metric("modhost_guard_records_failed_total 0"); }));
    CHECK(Scene::run(*attempt, "PATCH", kAnswerPath, kAnswer).status == 200);
    CHECK(scene.platform.requests().size() == 1);
  }

  TEST_CASE("guard: calls beyond platform_calls are refused with their shape and counted") {
    Scene scene;
    const auto attempt = scene.open();

    const ModuleReply reply = Scene::run(*attempt, "DELETE", "/messages/msg_secret9", "");

    CHECK(reply.error == ModuleReply::Error::kRefused);
    CHECK(reply.error_text.find("DELETE /messages/*") != std::string::npos);
    CHECK(reply.error_text.find("msg_secret9") == std::string::npos);
    CHECK(scene.platform.requests().empty());
    CHECK(scene.metric("modhost_guard_refused_calls_total 1"));
  }

  TEST_CASE("guard: bodies it has to understand are refused when they are no sane JSON object") {
    Scene scene;
    const auto attempt = scene.open();
    const std::string deep = R"({"messageId":"m","x":)" + std::string(100'000, '[');

    for (const std::string& body :
         {std::string("{"), std::string("[]"), deep, std::string(R"({"order":1})"),
          std::string(R"({"messageId":"m","order":1.5})"),
          std::string(R"({"messageId":"m","order":18446744073709551615})")}) {
      CHECK(Scene::run(*attempt, "POST", "/message-log", body).error ==
            ModuleReply::Error::kRefused);
    }
    CHECK(Scene::run(*attempt, "PATCH", kAnswerPath, "nonsense").error ==
          ModuleReply::Error::kRefused);
    CHECK(scene.platform.requests().empty());
  }

  TEST_CASE("guard: a body it has no business with goes out byte for byte") {
    Scene scene;
    const auto attempt = scene.open();
    const std::string odd = "{ \"searchString\" : \"x\",, }";

    CHECK(Scene::run(*attempt, "POST", "/search/search", odd).status == 200);

    CHECK(scene.platform.requests().at(0).body == odd);
  }
}

}  // namespace modhost::host
