#include <optional>
#include <stdexcept>

#include "tests/unit/plugin-api/scripted_module.h"

using namespace modhost;
using namespace modhost::test;

namespace {

SentEvent withoutAssistantMessage() {
  return {.body = R"({"payload":{"chatId":"chat_1","text":"Hello"}})"};
}

}  // namespace

TEST_SUITE("plugin-api") {
  TEST_CASE("plugin-api: a step is RUNNING when made and COMPLETED when completed") {
    FakeHost host;

    const End end = run(host, [&](const Event&, Context& context) {
      Step step = context.step("Thinking...");
      CHECK(host.calls().size() == 1);
      step.complete("Thought");
      return Outcome::ok();
    });

    CHECK(end.kind == MODHOST_OK);
    const std::vector<Call> calls = host.calls();
    REQUIRE(calls.size() == 2);
    CHECK(calls[0].name() == "POST /message-log");
    CHECK(
        calls[0].json() ==
        Json{{"messageId", "msg_a"}, {"text", "Thinking..."}, {"status", "RUNNING"}, {"order", 1}});
    CHECK(calls[1].name() == "PATCH /message-log/log_1");
    CHECK(calls[1].json() == Json{{"text", "Thought"}, {"status", "COMPLETED"}});
  }

  TEST_CASE("plugin-api: steps are numbered from 1 in each attempt") {
    FakeHost host;
    const Script two_steps = [](const Event&, Context& context) {
      context.step("a").complete("a");
      context.step("b").complete("b");
      return Outcome::ok();
    };

    run(host, two_steps);
    run(host, two_steps);

    const std::vector<Call> calls = host.calls();
    REQUIRE(calls.size() == 8);
    CHECK(calls[0].json().at("order") == 1);
    CHECK(calls[2].json().at("order") == 2);
    CHECK(calls[4].json().at("order") == 1);
    CHECK(calls[6].json().at("order") == 2);
  }

  TEST_CASE("plugin-api: a step left by an exception is set FAILED without a text") {
    FakeHost host;

    const End end = run(host, [](const Event&, Context& context) -> Outcome {
      Step step = context.step("Thinking...");
      throw std::runtime_error("no idea");
    });

    CHECK(end.kind == MODHOST_FAILED);
    CHECK(end.text == "no idea");
    REQUIRE(host.calls().size() == 2);
    CHECK(host.calls()[1].name() == "PATCH /message-log/log_1");
    CHECK(host.calls()[1].json() == Json{{"status", "FAILED"}});
  }

  TEST_CASE("plugin-api: a forgotten step is set FAILED and a failed one only once") {
    FakeHost host;

    run(host, [](const Event&, Context& context) {
      context.step("forgotten");
      Step failed = context.step("failed");
      failed.fail();
      failed.fail();
      return Outcome::ok();
    });

    CHECK(host.callNames() ==
          std::vector<std::string>{"POST /message-log", "PATCH /message-log/log_1",
                                   "POST /message-log", "PATCH /message-log/log_2"});
  }

  TEST_CASE("plugin-api: a moved step is closed by its new owner alone") {
    FakeHost host;

    run(host, [](const Event&, Context& context) {
      std::optional<Step> kept;
      {
        Step step = context.step("a");
        kept.emplace(std::move(step));
      }
      kept->update("still at it");
      kept->complete("done");
      return Outcome::ok();
    });

    REQUIRE(host.calls().size() == 3);
    CHECK(host.calls()[1].json() == Json{{"text", "still at it"}, {"status", "RUNNING"}});
    CHECK(host.calls()[2].json() == Json{{"text", "done"}, {"status", "COMPLETED"}});
  }

  TEST_CASE("plugin-api: a step whose completion failed is set FAILED") {
    FakeHost host;
    host.platform = [](const Call& call) {
      return call.method == "PATCH" && call.json().at("status") == "COMPLETED"
                 ? Answer{500, "{}"}
                 : healthyPlatform(call);
    };

    const End end = run(host, [](const Event&, Context& context) {
      Step step = context.step("a");
      step.complete("b");
      return Outcome::ok();
    });

    CHECK(end.kind == MODHOST_FAILED);
    CHECK(end.text == "PATCH /message-log/log_1: HTTP 500");
    REQUIRE(host.calls().size() == 3);
    CHECK(host.calls()[2].json() == Json{{"status", "FAILED"}});
  }

  TEST_CASE("plugin-api: a failing step warns and does not throw when the platform is away") {
    FakeHost host;
    host.platform = [](const Call& call) {
      return call.method == "PATCH" ? Answer{.error = MODHOST_CALL_CANCELLED}
                                    : healthyPlatform(call);
    };

    const End end = run(host, [](const Event&, Context& context) -> Outcome {
      Step step = context.step("a");
      throw std::runtime_error("first reason");
    });

    CHECK(end.text == "first reason");
    REQUIRE(host.lines().size() == 1);
    CHECK(host.lines()[0].level == MODHOST_LOG_WARN);
    CHECK(host.lines()[0].message ==
          "a step could not be set FAILED: PATCH /message-log/log_1: cancelled");
  }

  TEST_CASE("plugin-api: a step needs an assistant message") {
    FakeHost host;

    const End end = run(
        host,
        [](const Event&, Context& context) {
          context.step("a");
          return Outcome::ok();
        },
        withoutAssistantMessage());

    CHECK(end.kind == MODHOST_FAILED);
    CHECK(end.text == "the event names no assistant message, and no message id is given");
    CHECK(host.calls().empty());
  }

  TEST_CASE("plugin-api: a log reply without a usable id is an error") {
    for (const char* reply :
         {"{}", R"({"id":null})", R"({"id":7})", R"({"id":""})", "[]", "null", ""}) {
      FakeHost host;
      host.platform = [&](const Call&) { return Answer{201, reply}; };

      const End end = run(host, [](const Event&, Context& context) {
        context.step("a");
        return Outcome::ok();
      });

      CHECK(end.kind == MODHOST_FAILED);
      CHECK(end.text.find("POST /message-log: the reply ") == 0);
      CHECK(host.calls().size() == 1);
    }
  }
}
