#include "tests/unit/dispatch/dispatch_stage.h"

namespace modhost::host {
namespace {

using Kind = AttemptEnd::Kind;
using Names = std::vector<std::string>;
using RunnerPtr = std::shared_ptr<FakeRunner>;

bool letGo(const RunnerPtr& old) { return old.use_count() == 1; }

}  // namespace

TEST_SUITE("dispatcher reconfigure") {
  TEST_CASE(
      "dispatcher reconfigure: what runs finishes on the old runner and new goes to the new") {
    DispatchStage stage;
    stage.addLane("logger", 2);
    stage.start();
    const EventSeq first = stage.accept("e1", {"logger"});

    const RunnerPtr old = stage.replace("logger", 2);
    stage.reconfigure();
    stage.accept("e2", {"logger"});
    CHECK(old->running() == Names{"e1"});
    CHECK(stage.runner("logger").running() == Names{"e2"});
    CHECK(!letGo(old));
    old->end("e1");
    stage.settled();

    CHECK(stage.life(first, "logger").state == DeliveryState::kDone);
    CHECK(letGo(old));
    CHECK(old->started() == Names{"e1"});
    CHECK(old->broken() == Names{});
  }

  TEST_CASE("dispatcher reconfigure: a runner with nothing out is let go at once") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();

    const RunnerPtr old = stage.replace("logger");
    stage.reconfigure();

    CHECK(letGo(old));
  }

  TEST_CASE(
      "dispatcher reconfigure: a runner is kept until the fence of its last attempt is quiet") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();
    stage.guard.holdQuiet(true);
    stage.accept("e1", {"logger"});

    const RunnerPtr old = stage.replace("logger");
    stage.reconfigure();
    old->end("e1");
    stage.settled();
    CHECK(!letGo(old));
    stage.guard.releaseQuiet();
    stage.settled();

    CHECK(letGo(old));
  }

  TEST_CASE("dispatcher reconfigure: the old generation's attempts take no place of the new one") {
    DispatchStage stage;
    stage.addLane("logger", 2);
    stage.start();
    stage.accept("e1", {"logger"});
    stage.accept("e2", {"logger"});
    stage.accept("e3", {"logger"});

    const RunnerPtr old = stage.replace("logger", 1);
    stage.reconfigure();
    CHECK(old->running() == Names{"e1", "e2"});
    CHECK(stage.runner("logger").running() == Names{"e3"});
    CHECK(stage.metricsSay("modhost_running{module=\"logger\"} 3"));
    stage.accept("e4", {"logger"});
    old->end("e1");
    old->end("e2");
    stage.settled();

    CHECK(stage.runner("logger").running() == Names{"e3"});
    stage.end("logger", "e3");
    CHECK(stage.runner("logger").running() == Names{"e4"});
    CHECK(stage.metricsSay("modhost_running{module=\"logger\"} 1"));
  }

  TEST_CASE("dispatcher reconfigure: a failed attempt of the old runner is repeated on the new") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();
    const EventSeq seq = stage.accept("e1", {"logger"});

    const RunnerPtr old = stage.replace("logger");
    stage.lane("logger").retry.attempts = 2;
    stage.reconfigure();
    old->end("e1", Kind::kFailed);
    stage.settled();
    stage.advance(stage.lane("logger").retry.backoff);

    CHECK(stage.runner("logger").running() == Names{"e1"});
    stage.end("logger", "e1");
    CHECK(stage.life(seq, "logger").state == DeliveryState::kDone);
    CHECK(stage.life(seq, "logger").attempts == 2);
  }

  TEST_CASE("dispatcher reconfigure: an overrun is abandoned on the runner it was started on") {
    DispatchStage stage;
    stage.addLane("logger").timeout = Milliseconds(5'000);
    stage.start();
    stage.accept("e1", {"logger"});

    const RunnerPtr old = stage.replace("logger");
    stage.reconfigure();
    stage.advance(Milliseconds(5'000));
    CHECK(old->cancelled() == std::set<std::string>{"e1"});
    stage.advance(stage.settings.overrun_grace);

    CHECK(old->abandoned() == Names{"e1"});
    CHECK(letGo(old));
  }

  TEST_CASE("dispatcher reconfigure: a chat stays in order across generations") {
    DispatchStage stage;
    stage.addLane("rag", 8).order_by = OrderBy::kChat;
    stage.start();
    stage.accept("e1", {"rag"}, "x");
    stage.accept("e2", {"rag"}, "x");

    const RunnerPtr old = stage.replace("rag", 8);
    stage.reconfigure();
    stage.accept("e3", {"rag"}, "x");
    CHECK(stage.runner("rag").running() == Names{});
    old->end("e1");
    stage.settled();

    CHECK(stage.runner("rag").running() == Names{"e2"});
  }

  TEST_CASE("dispatcher reconfigure: an unchanged runner keeps its attempts under new settings") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();
    stage.accept("e1", {"logger"});
    stage.accept("e2", {"logger"});

    stage.lane("logger").timeout = Milliseconds(1'000);
    stage.reconfigure();
    CHECK(stage.runner("logger").running() == Names{"e1"});
    stage.end("logger", "e1");
    stage.advance(Milliseconds(1'000));

    CHECK(stage.runner("logger").cancelled() == std::set<std::string>{"e2"});
  }

  TEST_CASE("dispatcher reconfigure: an added module takes what comes") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();

    stage.addLane("fresh");
    stage.reconfigure();
    stage.accept("e1", {"fresh"});

    CHECK(stage.runner("fresh").running() == Names{"e1"});
  }

  TEST_CASE("dispatcher reconfigure: a removed module's waiting end and its running ones finish") {
    DispatchStage stage;
    stage.addLane("logger").retry.attempts = 2;
    stage.start();
    const EventSeq running = stage.accept("e1", {"logger"});
    const EventSeq waiting = stage.accept("e2", {"logger"});

    const RunnerPtr old = stage.remove("logger");
    stage.reconfigure();
    CHECK(stage.life(waiting, "logger").state == DeliveryState::kDead);
    CHECK(stage.onlyDeadLetter().end == End::kNotConfigured);
    CHECK(old->running() == Names{"e1"});

    SUBCASE("well") {
      old->end("e1");
      stage.settled();
      CHECK(stage.life(running, "logger").state == DeliveryState::kDone);
    }
    SUBCASE("badly, and nobody is left to repeat it") {
      old->end("e1", Kind::kFailed);
      stage.settled();
      CHECK(stage.life(running, "logger").state == DeliveryState::kDead);
    }
    CHECK(letGo(old));
    CHECK(stage.guard.closed().empty());  // it never answered
  }

  TEST_CASE("dispatcher reconfigure: a removed module that answered still owes what it took") {
    DispatchStage stage;
    stage.addAnswering();
    stage.start();
    const EventSeq running = stage.accept("e1", {"rag"});
    const EventSeq waiting = stage.accept("e2", {"rag"});

    const RunnerPtr old = stage.remove("rag");
    stage.reconfigure();
    old->end("e1", Kind::kFailed);
    stage.settled();

    CHECK(stage.life(running, "rag").state == DeliveryState::kDead);
    CHECK(stage.life(waiting, "rag").state == DeliveryState::kDead);
    REQUIRE(stage.guard.closed().size() == 2);
    for (const FakeGuard::Closed& closed : stage.guard.closed()) CHECK(closed.apologise);
  }

  TEST_CASE("dispatcher reconfigure: what comes late for a removed module is a dead letter") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();
    stage.remove("logger");
    stage.reconfigure();

    const EventSeq late = stage.acceptUserMessage("e1", {"logger"});

    CHECK(stage.life(late, "logger").state == DeliveryState::kDead);
  }

  TEST_CASE("dispatcher reconfigure: a module that comes back serves again") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();
    stage.remove("logger");
    stage.reconfigure();
    stage.addLane("logger");
    stage.reconfigure();

    stage.accept("e1", {"logger"});

    CHECK(stage.runner("logger").running() == Names{"e1"});
  }

  TEST_CASE(
      "dispatcher reconfigure: an answer owed when it was taken is owed after answers moved") {
    DispatchStage stage;
    stage.addAnswering("rag", 1);
    stage.start();
    stage.accept("e1", {"rag"});

    stage.lane("rag").answers = false;
    stage.reconfigure();
    stage.end("rag", "e1", Kind::kFailed);

    REQUIRE(stage.guard.closed().size() == 1);
    CHECK(stage.guard.closed().front().apologise);
  }

  TEST_CASE("dispatcher reconfigure: after a stop it changes nothing and returns") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();
    stage.dispatcher->stop();

    const RunnerPtr old = stage.replace("logger");
    stage.dispatcher->reconfigure({stage.lane("logger")});

    CHECK(!letGo(old));
  }

  TEST_CASE("dispatcher reconfigure: nobody waits for lanes while a stop is carried out") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();

    stage.dispatcher->requestStop();
    for (int i = 0; i < 3; ++i) stage.dispatcher->reconfigure({stage.lane("logger")});
  }
}

}  // namespace modhost::host
