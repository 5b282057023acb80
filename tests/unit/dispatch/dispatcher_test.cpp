#include "host/dispatch/dispatcher.h"

#include "tests/unit/dispatch/dispatch_stage.h"

namespace modhost::host {
namespace {

using Kind = AttemptEnd::Kind;
using Names = std::vector<std::string>;

constexpr Milliseconds kYear{365LL * 24 * 3'600 * 1'000};

}  // namespace

TEST_SUITE("dispatcher") {
  TEST_CASE("dispatcher: what is accepted runs once and is done when the module says ok") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();

    const EventSeq seq = stage.accept("e1", {"logger"});
    CHECK(stage.runner("logger").running() == Names{"e1"});
    CHECK(stage.life(seq, "logger").state == DeliveryState::kRunning);
    stage.end("logger", "e1");

    CHECK(stage.life(seq, "logger").state == DeliveryState::kDone);
    CHECK(stage.runner("logger").started() == Names{"e1"});
    CHECK(stage.metricsSay("modhost_deliveries_total{end=\"ok\",module=\"logger\"} 1"));
    CHECK(stage.metricsSay(
        R"(modhost_event_outcomes_total{module="logger",outcome="ok",type="other"} 1)"));
    CHECK(stage.metricsSay("modhost_queue_wait_seconds_count{module=\"logger\"} 1"));
  }

  TEST_CASE("dispatcher: what waited before the start runs after it") {
    DispatchStage stage;
    stage.addLane("logger", 2);
    stage.accept("e1", {"logger"});
    stage.accept("e2", {"logger"});

    stage.start();

    CHECK(stage.runner("logger").running() == Names{"e1", "e2"});
  }

  TEST_CASE("dispatcher: a module never has more attempts than its concurrency") {
    DispatchStage stage;
    stage.addLane("logger", 2);
    stage.start();

    for (const char* id : {"e1", "e2", "e3", "e4"}) stage.accept(id, {"logger"});
    CHECK(stage.runner("logger").running() == Names{"e1", "e2"});
    CHECK(stage.metricsSay("modhost_running{module=\"logger\"} 2"));
    stage.end("logger", "e1");

    CHECK(stage.runner("logger").running() == Names{"e2", "e3"});
  }

  TEST_CASE("dispatcher: all that may start in one turn is begun in one batch") {
    DispatchStage stage;
    stage.addLane("a", 8).in_process = true;
    stage.addLane("b", 8);
    for (const char* id : {"e1", "e2", "e3"}) stage.accept(id, {"a", "b"});

    stage.start();

    const std::vector<std::vector<Begin>> begins = stage.faulty.begins();
    REQUIRE(begins.size() == 1);
    REQUIRE(begins.front().size() == 6);
    for (const Begin& begin : begins.front()) CHECK(begin.in_process == (begin.key.target == "a"));
  }

  TEST_CASE("dispatcher: one module's slowness does not hold another back") {
    DispatchStage stage;
    stage.addLane("slow");
    stage.addLane("quick");
    stage.start();

    for (const char* id : {"e1", "e2", "e3"}) {
      stage.accept(id, {"slow", "quick"});
      stage.end("quick", id);
    }

    CHECK(stage.runner("quick").started() == Names{"e1", "e2", "e3"});
    CHECK(stage.runner("slow").started() == Names{"e1"});
  }

  TEST_CASE(
      "dispatcher: with order by chat a chat's deliveries run one by one and others beside them") {
    DispatchStage stage;
    stage.addLane("rag", 8).order_by = OrderBy::kChat;
    stage.start();

    stage.accept("e1", {"rag"}, "x");
    stage.accept("e2", {"rag"}, "x");
    stage.accept("e3", {"rag"}, "y");
    CHECK(stage.runner("rag").running() == Names{"e1", "e3"});
    stage.end("rag", "e1");

    CHECK(stage.runner("rag").running() == Names{"e2", "e3"});
  }

  TEST_CASE("dispatcher: without an order a chat's deliveries run side by side") {
    DispatchStage stage;
    stage.addLane("rag", 8);
    stage.start();

    stage.accept("e1", {"rag"}, "x");
    stage.accept("e2", {"rag"}, "x");

    CHECK(stage.runner("rag").running() == Names{"e1", "e2"});
  }

  TEST_CASE("dispatcher: a saturated module serves the companies in turn") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();
    for (const char* id : {"f1", "f2", "f3", "f4"}) stage.accept(id, {"logger"}, "c", "flood");
    stage.accept("a1", {"logger"}, "c", "acme");

    for (const char* id : {"f1", "f2", "a1"}) stage.end("logger", id);

    CHECK(stage.runner("logger").started() == Names{"f1", "f2", "a1", "f3"});
  }

  TEST_CASE("dispatcher: a flood that fills the window and waits beyond it keeps its turn too") {
    DispatchStage stage;
    stage.settings.window = 4;
    stage.addLane("logger");
    stage.start();
    for (int n = 0; n < 100; ++n) {
      stage.accept("f" + std::to_string(n), {"logger"}, "c", "flood");
    }
    stage.accept("a1", {"logger"}, "c", "acme");

    for (const char* id : {"f0", "f1", "f2"}) stage.end("logger", id);

    CHECK(stage.runner("logger").started() == Names{"f0", "f1", "f2", "a1"});
  }

  TEST_CASE("dispatcher: at most a window of deliveries is in memory and the rest follows") {
    DispatchStage stage;
    stage.settings.window = 4;
    stage.addLane("logger", 2);
    for (int n = 0; n < 20; ++n) stage.accept("e" + std::to_string(n), {"logger"});

    stage.start();
    CHECK(stage.faulty.handedOut() == 4);
    CHECK(stage.metricsSay("modhost_deliveries_held{module=\"logger\"} 4"));
    for (int n = 0; n < 20; ++n) stage.end("logger", "e" + std::to_string(n));

    CHECK(stage.runner("logger").started().size() == 20);
    CHECK(stage.inbox.stats().take().done == 20);
  }

  TEST_CASE("dispatcher: a backlog that ends as it comes in is worked off turn by turn") {
    DispatchStage stage;
    for (int n = 0; n < 5'000; ++n) stage.acceptUserMessage("e" + std::to_string(n), {"gone"});
    int calls = 0;
    std::int64_t settled_before_20th = 0;
    stage.faulty.onNext([&] {
      if (++calls == 20) settled_before_20th = stage.inbox.stats().take().dead;
    });

    stage.start();

    CHECK(settled_before_20th >= 15 * 64);
    CHECK(stage.inbox.stats().take().dead == 5'000);
  }

  TEST_CASE("dispatcher: large bodies fill the window before its count does") {
    DispatchStage stage;
    stage.settings.window_bytes = 1;
    stage.addLane("logger", 1);
    for (int n = 0; n < 100; ++n) stage.accept("e" + std::to_string(n), {"logger"});

    stage.start();

    CHECK(stage.faulty.handedOut() == 64);
  }

  TEST_CASE("dispatcher: a failed attempt is repeated after the back-off while attempts are left") {
    DispatchStage stage;
    stage.addLane("logger").retry = {2, Milliseconds(5'000), Milliseconds(60'000)};
    stage.start();
    const EventSeq seq = stage.accept("e1", {"logger"});

    stage.end("logger", "e1", Kind::kFailed);
    CHECK(stage.life(seq, "logger").state == DeliveryState::kWaiting);
    CHECK(stage.life(seq, "logger").due == stage.clock.wallNow() + Milliseconds(5'000));
    stage.advance(Milliseconds(4'999));
    CHECK(stage.runner("logger").running().empty());
    stage.advance(Milliseconds(1));
    CHECK(stage.runner("logger").attempt("e1")->number == 2);
    stage.end("logger", "e1", Kind::kFailed);

    CHECK(stage.life(seq, "logger").state == DeliveryState::kDead);
    CHECK(stage.onlyDeadLetter().why == "it broke");
    CHECK(stage.onlyDeadLetter().attempts == 2);
    CHECK(stage.metricsSay("modhost_retries_total{module=\"logger\"} 1"));
  }

  TEST_CASE("dispatcher: only an attempt after the first has a ledger to be opened with") {
    DispatchStage stage;
    stage.addLane("logger").retry.attempts = 2;
    stage.start();
    stage.accept("e1", {"logger"});
    stage.end("logger", "e1", Kind::kFailed);

    stage.advance(Milliseconds(1'000));

    CHECK(stage.guard.openedAgain() == std::vector<bool>{false, true});
  }

  TEST_CASE("dispatcher: a wall clock set back or forward moves no retry") {
    DispatchStage stage;
    stage.addLane("logger").retry = {3, Milliseconds(5'000), Milliseconds(60'000)};
    stage.start();
    stage.accept("e1", {"logger"});
    stage.end("logger", "e1", Kind::kFailed);

    SUBCASE("back") { stage.clock.jumpWall(-kYear); }
    SUBCASE("forward") { stage.clock.jumpWall(kYear); }

    stage.advance(Milliseconds(4'999));
    CHECK(stage.runner("logger").running().empty());
    stage.advance(Milliseconds(1));
    CHECK(stage.runner("logger").running() == Names{"e1"});
  }

  TEST_CASE(
      "dispatcher: a stored retry waits no longer than backoff_max after the clock was set back") {
    DispatchStage stage;
    stage.addLane("logger").retry = {2, Milliseconds(5'000), Milliseconds(60'000)};
    stage.start();
    stage.accept("e1", {"logger"});
    stage.end("logger", "e1", Kind::kFailed);
    stage.stop();
    stage.clock.jumpWall(-kYear);
    stage.inbox.restart();

    stage.start();
    stage.advance(Milliseconds(60'000));

    CHECK(stage.runner("logger").running() == Names{"e1"});
  }

  TEST_CASE("dispatcher: a retry that waits holds its chat up until it has ended") {
    DispatchStage stage;
    Lane& lane = stage.addLane("logger", 8);
    lane.order_by = OrderBy::kChat;
    lane.retry.attempts = 2;
    stage.start();
    stage.accept("e1", {"logger"}, "x");
    stage.accept("e2", {"logger"}, "x");

    stage.end("logger", "e1", Kind::kFailed);
    CHECK(stage.runner("logger").running().empty());
    stage.advance(Milliseconds(1'000));
    CHECK(stage.runner("logger").running() == Names{"e1"});
    stage.end("logger", "e1", Kind::kFailed);

    CHECK(stage.runner("logger").running() == Names{"e2"});
  }

  TEST_CASE("dispatcher: a retry older than answer_within lets its chat pass") {
    DispatchStage stage;
    stage.settings.answer_within = Milliseconds(10'000);
    Lane& lane = stage.addLane("logger", 8);
    lane.order_by = OrderBy::kChat;
    lane.retry = {2, Milliseconds(60'000), Milliseconds(60'000)};
    stage.start();
    stage.accept("e1", {"logger"}, "x");
    stage.accept("e2", {"logger"}, "x");
    stage.end("logger", "e1", Kind::kFailed);

    stage.advance(Milliseconds(10'000));
    CHECK(stage.runner("logger").running() == Names{"e2"});
    stage.end("logger", "e2");
    stage.advance(Milliseconds(50'000));

    CHECK(stage.runner("logger").running() == Names{"e1"});
  }

  TEST_CASE("dispatcher: nothing is settled before the fence is quiet") {
    DispatchStage stage;
    stage.addLane("logger").retry.attempts = 2;
    stage.start();
    stage.guard.holdQuiet(true);
    const EventSeq seq = stage.accept("e1", {"logger"});

    SUBCASE("when it ended well") { stage.end("logger", "e1"); }
    SUBCASE("when it will be repeated") { stage.end("logger", "e1", Kind::kFailed); }

    stage.advance(Milliseconds(10'000));
    CHECK(stage.life(seq, "logger").state == DeliveryState::kRunning);
    CHECK(stage.runner("logger").running().empty());
    CHECK(stage.guard.releaseQuiet());
    stage.settled();
    CHECK(stage.life(seq, "logger").state != DeliveryState::kRunning);
  }

  TEST_CASE("dispatcher: a slot is free as soon as the module is done with it") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();
    stage.guard.holdQuiet(true);
    stage.accept("e1", {"logger"});
    stage.accept("e2", {"logger"});

    stage.end("logger", "e1");

    CHECK(stage.runner("logger").running() == Names{"e2"});
  }

  TEST_CASE("dispatcher: an overrun is told to stop and then given up on and never repeated") {
    DispatchStage stage;
    Lane& lane = stage.addLane("logger");
    lane.timeout = Milliseconds(3'000);
    lane.retry.attempts = 5;
    stage.start();
    const EventSeq seq = stage.accept("e1", {"logger"});
    stage.accept("e2", {"logger"});

    stage.advance(Milliseconds(2'999));
    CHECK(stage.runner("logger").cancelled().empty());
    stage.advance(Milliseconds(1));
    CHECK(stage.runner("logger").cancelled() == std::set<std::string>{"e1"});
    CHECK(stage.guard.cancelled() == std::set<DeliveryKey>{{seq, "logger"}});
    stage.advance(stage.settings.overrun_grace);

    CHECK(stage.runner("logger").abandoned() == Names{"e1"});
    CHECK(stage.onlyDeadLetter().end == End::kOverran);
    CHECK(stage.runner("logger").running() == Names{"e2"});
    CHECK(stage.metricsSay("modhost_overruns_total{module=\"logger\"} 1"));
  }

  TEST_CASE("dispatcher: a module that sees its deadline before the host does has overrun it") {
    DispatchStage stage;
    stage.addLane("logger").timeout = Milliseconds(10'000);
    stage.runner("logger").onStart([&](const std::string& event) {
      stage.clock.advance(Milliseconds(10'000));
      stage.runner("logger").end(event, Kind::kFailed);
    });
    stage.start();
    stage.accept("e1", {"logger"});

    CHECK(stage.onlyDeadLetter().end == End::kOverran);
  }

  TEST_CASE("dispatcher: an end in time is one however late dispatch hears of it") {
    DispatchStage stage;
    Lane& lane = stage.addLane("logger");
    lane.timeout = Milliseconds(10'000);
    lane.retry = {2, Milliseconds(60'000), Milliseconds(60'000)};
    stage.runner("logger").onStart([&](const std::string& event) {
      stage.runner("logger").end(event, Kind::kFailed);
      stage.clock.advance(Milliseconds(10'000));
    });
    stage.start();

    const EventSeq seq = stage.accept("e1", {"logger"});

    CHECK(stage.life(seq, "logger").state == DeliveryState::kWaiting);
    CHECK(stage.life(seq, "logger").attempts == 1);
  }

  TEST_CASE("dispatcher: a report that comes after the host gave up changes nothing") {
    DispatchStage stage;
    stage.addLane("logger").timeout = Milliseconds(3'000);
    stage.start();
    stage.guard.holdQuiet(true);
    stage.accept("e1", {"logger"});
    stage.advance(Milliseconds(3'000));
    stage.advance(stage.settings.overrun_grace);

    stage.runner("logger").endAllLate();
    stage.settled();
    stage.guard.releaseQuiet();
    stage.settled();
    stage.runner("logger").endAllLate();
    stage.settled();

    CHECK(stage.onlyDeadLetter().end == End::kOverran);
  }

  TEST_CASE("dispatcher: an ok within overrun_grace stands") {
    DispatchStage stage;
    stage.addLane("logger").timeout = Milliseconds(3'000);
    stage.start();
    const EventSeq seq = stage.accept("e1", {"logger"});
    stage.advance(Milliseconds(3'000));

    stage.end("logger", "e1");

    CHECK(stage.life(seq, "logger").state == DeliveryState::kDone);
    CHECK(stage.runner("logger").abandoned().empty());
  }

  TEST_CASE("dispatcher: a suspect of interruptions_max deaths is a dead letter") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();
    const EventSeq seq = stage.accept("e1", {"logger"});

    stage.end("logger", "e1", AttemptEnd{Kind::kInterrupted, {}, "signal 11", true});
    stage.end("logger", "e1", AttemptEnd{Kind::kInterrupted, {}, "signal 11", true});
    CHECK(stage.life(seq, "logger").interruptions == 2);
    CHECK(stage.runner("logger").attempt("e1")->number == 1);
    stage.end("logger", "e1", AttemptEnd{Kind::kInterrupted, {}, "signal 11", true});

    CHECK(stage.onlyDeadLetter().end == End::kInterrupted);
    CHECK(stage.onlyDeadLetter().interruptions == 3);
    CHECK(stage.onlyDeadLetter().why == "signal 11");
  }

  TEST_CASE("dispatcher: suspects of a death run alone and few at once while others go on") {
    DispatchStage stage;
    stage.settings.suspect_workers = 2;
    stage.addLane("logger", 6);
    stage.start();
    for (int n = 1; n <= 4; ++n) stage.accept("e" + std::to_string(n), {"logger"});
    CHECK_FALSE(stage.runner("logger").attempt("e1")->alone);

    for (int n = 1; n <= 4; ++n) {
      stage.end("logger", "e" + std::to_string(n),
                AttemptEnd{Kind::kInterrupted, {}, "exited", true});
    }
    stage.accept("new", {"logger"});

    CHECK(stage.runner("logger").running() == std::vector<std::string>{"e1", "e2", "new"});
    CHECK(stage.runner("logger").attempt("e1")->alone);
    CHECK_FALSE(stage.runner("logger").attempt("new")->alone);
    stage.end("logger", "e1");
    stage.end("logger", "e2", AttemptEnd{Kind::kInterrupted, {}, "exited", true});
    stage.end("logger", "e3");
    CHECK(stage.runner("logger").running() == std::vector<std::string>{"e2", "e4", "new"});
    stage.end("logger", "e2", AttemptEnd{Kind::kInterrupted, {}, "exited", true});
    CHECK(stage.onlyDeadLetter().end == End::kInterrupted);
  }

  TEST_CASE("dispatcher: a suspect's deadline does not run while it waits for its turn") {
    DispatchStage stage;
    stage.settings.suspect_workers = 1;
    stage.addLane("logger", 2).timeout = Milliseconds(10'000);
    stage.start();
    stage.accept("e1", {"logger"});
    stage.accept("e2", {"logger"});
    for (const char* event : {"e1", "e2"}) {
      stage.end("logger", event, AttemptEnd{Kind::kInterrupted, {}, "exited", true});
    }

    stage.advance(Milliseconds(9'000));
    stage.end("logger", "e1");
    stage.advance(Milliseconds(9'000));
    CHECK(stage.runner("logger").cancelled().empty());
    stage.end("logger", "e2");

    CHECK(stage.inbox.stats().take().done == 2);
  }

  TEST_CASE("dispatcher: a suspect is one after a restart too") {
    DispatchStage stage;
    stage.addLane("logger", 2);
    stage.start();
    stage.accept("e1", {"logger"});
    stage.end("logger", "e1", AttemptEnd{Kind::kInterrupted, {}, "exited", true});
    stage.stop();
    stage.runner("logger").endAllLate();
    stage.guard.restart();
    stage.inbox.restart();

    stage.start();

    CHECK(stage.runner("logger").attempt("e1")->alone);
  }

  TEST_CASE("dispatcher: in process nobody runs alone") {
    DispatchStage stage;
    stage.addLane("logger", 2).in_process = true;
    stage.start();
    stage.accept("e1", {"logger"});
    stage.end("logger", "e1", AttemptEnd{Kind::kInterrupted, {}, "stopped", true});

    CHECK_FALSE(stage.runner("logger").attempt("e1")->alone);
  }

  TEST_CASE("dispatcher: who is beside too many deaths is run alone but not counted") {
    DispatchStage stage;
    stage.addLane("logger", 2);
    stage.start();
    const EventSeq seq = stage.accept("e1", {"logger"});

    for (int death = 0; death < 3; ++death) {
      CHECK_FALSE(stage.runner("logger").attempt("e1")->alone);
      stage.end("logger", "e1", AttemptEnd{Kind::kInterrupted, {}, "signal 11", false});
    }

    CHECK(stage.runner("logger").attempt("e1")->alone);
    CHECK(stage.life(seq, "logger").interruptions == 0);
  }

  TEST_CASE("dispatcher: a bystander of its worker's death is run again and not counted") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();
    const EventSeq seq = stage.accept("e1", {"logger"});

    for (int death = 0; death < 5; ++death) {
      stage.end("logger", "e1", AttemptEnd{Kind::kInterrupted, {}, "signal 9", false});
    }
    CHECK(stage.life(seq, "logger").interruptions == 0);
    stage.end("logger", "e1");

    CHECK(stage.life(seq, "logger").state == DeliveryState::kDone);
    CHECK(stage.life(seq, "logger").attempts == 1);
  }

  TEST_CASE("dispatcher: an unavailable inbox is asked again after a pause and loses nothing") {
    for (const char* method : {"begin", "next", "openTargets"}) {
      CAPTURE(method);
      DispatchStage stage;
      stage.addLane("logger", 2);
      stage.accept("e1", {"logger"});
      stage.accept("e2", {"logger"});
      stage.faulty.failNext(method, ErrorKind::kUnavailable, 2);

      stage.start();
      CHECK(stage.faulty.faultsLeft(method) == 1);
      stage.advance(stage.settings.inbox_pause);
      CHECK(stage.faulty.faultsLeft(method) == 0);
      stage.advance(stage.settings.inbox_pause);

      CHECK(stage.runner("logger").started() == Names{"e1", "e2"});
      stage.end("logger", "e1");
      stage.end("logger", "e2");
    }
  }

  TEST_CASE("dispatcher: after storage has failed nothing is begun and nothing decided") {
    DispatchStage stage;
    stage.addLane("logger", 1).retry.attempts = 3;
    stage.addAnswering("rag");
    stage.start();
    stage.accept("e1", {"logger"});
    const EventSeq running = stage.accept("e2", {"rag"});
    stage.accept("e3", {"logger"});

    stage.faulty.failNext("begin", ErrorKind::kCorrupt, 1);
    stage.end("logger", "e1");
    stage.end("rag", "e2", Kind::kFailed);
    stage.advance(Milliseconds(60'000));

    CHECK(stage.runner("logger").started() == Names{"e1"});
    CHECK(stage.guard.closed().empty());
    CHECK(stage.life(running, "rag").state == DeliveryState::kRunning);
  }

  TEST_CASE("dispatcher: a ledger that cannot be read for a moment delays the decision") {
    DispatchStage stage;
    stage.addAnswering("rag");
    stage.start();
    const EventSeq seq = stage.accept("e1", {"rag"});
    stage.guard.setAnswered(seq);
    stage.guard.failStanding(ErrorKind::kUnavailable);

    stage.end("rag", "e1");
    CHECK(stage.life(seq, "rag").state == DeliveryState::kRunning);
    stage.advance(stage.settings.inbox_pause);

    CHECK(stage.life(seq, "rag").state == DeliveryState::kDone);
    CHECK(stage.guard.closed().empty());
  }
}

}  // namespace modhost::host
