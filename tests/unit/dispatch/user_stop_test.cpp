// What becomes of a delivery whose user pressed stop.
#include "tests/unit/dispatch/dispatch_stage.h"

namespace modhost::host {
namespace {

using Kind = AttemptEnd::Kind;
using Names = std::vector<std::string>;

// An answering module that runs "e1", whose user then pressed stop.
struct Stopped {
  explicit Stopped(int attempts = 3) {
    stage.addAnswering().retry = {attempts, Milliseconds(1'000), Milliseconds(60'000)};
    stage.start();
    seq = stage.accept("e1", {"rag"});
    stage.guard.setOpenSteps({seq, "rag"});
    stage.guard.pressStop({seq, "rag"});
    stage.settled();
  }
  void checkStopped() {
    CHECK(stage.life(seq, "rag").state == DeliveryState::kDone);
    CHECK(stage.metricsSay("modhost_deliveries_total{end=\"stopped\",module=\"rag\"} 1"));
    CHECK(stage.metricsSay("modhost_apologies_due_total{module=\"rag\"} 0"));
    REQUIRE(stage.guard.closed().size() == 1);
    CHECK_FALSE(stage.guard.closed()[0].ended_well);
    CHECK_FALSE(stage.guard.closed()[0].apologise);
    CHECK(stage.runner("rag").started() == Names{"e1"});
  }

  DispatchStage stage;
  EventSeq seq = 0;
};

}  // namespace

TEST_SUITE("dispatcher") {
  TEST_CASE("dispatcher: the user's stop reaches the module and its end is awaited") {
    Stopped stopped;

    CHECK(stopped.stage.runner("rag").cancelled() == std::set<std::string>{"e1"});
    CHECK(stopped.stage.runner("rag").running() == Names{"e1"});
    CHECK(stopped.stage.life(stopped.seq, "rag").state == DeliveryState::kRunning);
  }

  TEST_CASE("dispatcher: a stopped delivery is done without a retry or an apology") {
    for (const Kind kind : {Kind::kOk, Kind::kRetry, Kind::kReject, Kind::kSkipped, Kind::kFailed,
                            Kind::kInterrupted}) {
      Stopped stopped;

      stopped.stage.end("rag", "e1", kind);

      stopped.checkStopped();
    }
  }

  TEST_CASE("dispatcher: a stopped delivery that overruns is given up on and done") {
    Stopped stopped;
    stopped.stage.advance(Lane{}.timeout);

    stopped.stage.advance(stopped.stage.settings.overrun_grace);

    CHECK(stopped.stage.runner("rag").abandoned() == Names{"e1"});
    CHECK(stopped.stage.metricsSay("modhost_overruns_total{module=\"rag\"} 1"));
    stopped.checkStopped();
  }

  TEST_CASE("dispatcher: a stopped delivery is not handed back by a host that stops") {
    Stopped stopped;

    stopped.stage.stop();

    CHECK(stopped.stage.life(stopped.seq, "rag").state != DeliveryState::kWaiting);
    CHECK(stopped.stage.life(stopped.seq, "rag").end == End::kStopped);
  }

  TEST_CASE("dispatcher: a stop in closing is closed without an apology by the next process") {
    DispatchStage stage;
    const EventSeq seq = stage.accept("e1", {"rag"});
    const DeliveryKey key{seq, "rag"};
    REQUIRE(stage.inbox.next("rag", 1).ok());
    const std::vector<Begin> begins{{key, false}};
    REQUIRE(stage.inbox.begin(begins).ok());
    stage.inbox.settle({{key, Settlement::To::kClosing, End::kStopped, {}, ""}});
    stage.inbox.flush();
    stage.inbox.restart();
    stage.guard.setOpenSteps(key);
    stage.addAnswering();

    stage.start();

    CHECK(stage.life(seq, "rag").state == DeliveryState::kDone);
    REQUIRE(stage.guard.closed().size() == 1);
    CHECK_FALSE(stage.guard.closed()[0].ended_well);
    CHECK_FALSE(stage.guard.closed()[0].apologise);
    CHECK(stage.runner("rag").started().empty());
  }

  TEST_CASE("dispatcher: a stop that is told after the attempt's end cancels nothing") {
    DispatchStage stage;
    stage.addAnswering();
    stage.start();
    const EventSeq seq = stage.accept("e1", {"rag"});
    stage.guard.setAnswered(seq);
    stage.end("rag", "e1");

    stage.guard.pressStop({seq, "rag"});
    stage.settled();

    CHECK(stage.runner("rag").cancelled().empty());
    CHECK(stage.metricsSay("modhost_deliveries_total{end=\"ok\",module=\"rag\"} 1"));
  }
}

}  // namespace modhost::host
