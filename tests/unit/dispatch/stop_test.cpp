#include "tests/unit/dispatch/dispatch_stage.h"

namespace modhost::host {
namespace {

using Kind = AttemptEnd::Kind;
using Names = std::vector<std::string>;

}  // namespace

TEST_SUITE("dispatcher stop") {
  TEST_CASE("dispatcher stop: with nothing running it returns at once") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();
    stage.dispatcher->stop();
    stage.dispatcher->stop();
  }

  TEST_CASE("dispatcher stop: one that was never started can be stopped") {
    DispatchStage stage;
    Dispatcher dispatcher(stage.faulty, stage.guard, stage.clock, stage.metrics, {}, {});
    dispatcher.stop();
  }

  TEST_CASE("dispatcher stop: what runs may finish and nothing new is begun") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.addLane("other");
    stage.start();
    const EventSeq running = stage.accept("e1", {"logger"});
    const EventSeq waiting = stage.accept("e2", {"logger"});

    stage.dispatcher->requestStop();
    const EventSeq late = stage.accept("e3", {"other"});
    stage.runner("logger").end("e1", Kind::kOk);
    stage.dispatcher->stop();

    CHECK(stage.life(running, "logger").state == DeliveryState::kDone);
    CHECK(stage.life(waiting, "logger").state == DeliveryState::kWaiting);
    CHECK(stage.life(waiting, "logger").attempts == 0);
    CHECK(stage.life(late, "other").state == DeliveryState::kWaiting);
    CHECK(stage.runner("logger").started() == Names{"e1"});
  }

  TEST_CASE("dispatcher stop: being hurried ends the drain at once") {
    DispatchStage stage;
    stage.settings.drain = Milliseconds(5'000);
    stage.addAnswering();
    stage.start();
    const EventSeq seq = stage.accept("e1", {"rag"});
    stage.dispatcher->requestStop();
    stage.settled();
    CHECK(stage.life(seq, "rag").state == DeliveryState::kRunning);

    stage.dispatcher->hurry();
    stage.dispatcher->stop();

    CHECK(stage.runner("rag").cancelled() == std::set<std::string>{"e1"});
    CHECK(stage.life(seq, "rag").state == DeliveryState::kWaiting);
    CHECK(stage.life(seq, "rag").attempts == 0);
  }

  TEST_CASE("dispatcher stop: what outlasts drain is fenced and handed back uncounted") {
    DispatchStage stage;
    stage.settings.drain = Milliseconds(5'000);
    stage.addAnswering();
    stage.start();
    stage.guard.holdQuiet(true);
    const EventSeq seq = stage.accept("e1", {"rag"});

    stage.dispatcher->requestStop();
    stage.settled();
    stage.advance(Milliseconds(4'999));
    CHECK(stage.guard.quietHeld() == 0);
    stage.advance(Milliseconds(1));
    CHECK(stage.guard.quietHeld() == 1);
    CHECK(stage.runner("rag").cancelled() == std::set<std::string>{"e1"});
    CHECK(stage.life(seq, "rag").state == DeliveryState::kRunning);
    stage.guard.releaseQuiet();
    stage.dispatcher->stop();

    CHECK(stage.life(seq, "rag").state == DeliveryState::kWaiting);
    CHECK(stage.life(seq, "rag").attempts == 0);
    CHECK(stage.guard.closed().empty());
  }

  TEST_CASE(
      "dispatcher stop: closing calls are awaited until drain and then left to the next start") {
    DispatchStage stage;
    stage.settings.drain = Milliseconds(5'000);
    stage.addAnswering();
    stage.start();
    stage.guard.holdClosings(true);
    const EventSeq seq = stage.accept("e1", {"rag"});
    stage.end("rag", "e1", Kind::kFailed);

    stage.dispatcher->requestStop();
    stage.settled();  // it still sleeps, that is: waits for them

    SUBCASE("they come back in time") {
      stage.guard.releaseClosings();
      stage.dispatcher->stop();
      CHECK(stage.life(seq, "rag").state == DeliveryState::kDead);
    }
    SUBCASE("they do not") {
      stage.clock.advance(Milliseconds(5'000));
      stage.dispatcher->stop();
      CHECK(stage.life(seq, "rag").state == DeliveryState::kClosing);
      stage.guard.releaseClosings();  // too late; touches nothing that is gone
    }
  }

  TEST_CASE("dispatcher stop: reports that come after it are ignored") {
    DispatchStage stage;
    stage.addLane("logger", 2);
    stage.start();
    stage.accept("e1", {"logger"});
    const EventSeq seq = stage.accept("e2", {"logger"});

    stage.stop();
    stage.runner("logger").endAllLate();
    stage.accept("e3", {"logger"});
    stage.inbox.flush();

    CHECK(stage.life(seq, "logger").state == DeliveryState::kWaiting);
  }

  TEST_CASE("dispatcher stop: what was handed back runs in the next process") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();
    const EventSeq seq = stage.accept("e1", {"logger"});
    stage.stop();
    stage.runner("logger").endAllLate();
    stage.inbox.restart();

    stage.start();
    stage.end("logger", "e1");

    CHECK(stage.life(seq, "logger").state == DeliveryState::kDone);
    CHECK(stage.life(seq, "logger").attempts == 1);
  }
}

}  // namespace modhost::host
