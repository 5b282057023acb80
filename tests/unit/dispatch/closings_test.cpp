#include "tests/unit/dispatch/dispatch_stage.h"

namespace modhost::host {
namespace {

using Kind = AttemptEnd::Kind;
using Names = std::vector<std::string>;

}  // namespace

TEST_SUITE("closings") {
  TEST_CASE("closings: an answered delivery without open steps needs no closing") {
    DispatchStage stage;
    stage.addAnswering();
    stage.start();
    const EventSeq seq = stage.accept("e1", {"rag"});
    stage.guard.setAnswered(seq);

    stage.end("rag", "e1");

    CHECK(stage.life(seq, "rag").state == DeliveryState::kDone);
    CHECK(stage.guard.closed().empty());
  }

  TEST_CASE("closings: steps left open by an ok are completed and counted") {
    DispatchStage stage;
    stage.addAnswering();
    stage.start();
    const EventSeq seq = stage.accept("e1", {"rag"});
    stage.guard.setAnswered(seq);
    stage.guard.setOpenSteps({seq, "rag"});

    stage.end("rag", "e1");

    REQUIRE(stage.guard.closed().size() == 1);
    CHECK(stage.guard.closed()[0].ended_well);
    CHECK_FALSE(stage.guard.closed()[0].apologise);
    CHECK(stage.life(seq, "rag").state == DeliveryState::kDone);
    CHECK(stage.metricsSay("modhost_steps_left_open_total{module=\"rag\"} 1"));
  }

  TEST_CASE("closings: every bad end of an unanswered event apologises once and is a dead letter") {
    struct Row {
      Kind kind;
      End end;
    };
    for (const Row& row : {Row{Kind::kOk, End::kFailed}, Row{Kind::kFailed, End::kFailed},
                           Row{Kind::kReject, End::kRejected}, Row{Kind::kRetry, End::kFailed}}) {
      DispatchStage stage;
      stage.addAnswering();
      stage.start();
      const EventSeq seq = stage.accept("e1", {"rag"});
      stage.guard.setOpenSteps({seq, "rag"});

      stage.end("rag", "e1", row.kind);

      REQUIRE(stage.guard.closed().size() == 1);
      CHECK(stage.guard.closed()[0].apologise);
      CHECK_FALSE(stage.guard.closed()[0].ended_well);
      CHECK(stage.onlyDeadLetter().end == row.end);
      CHECK(stage.metricsSay("modhost_apologies_due_total{module=\"rag\"} 1"));
    }
  }

  TEST_CASE("closings: a skipped event that nobody answered apologises and is done") {
    DispatchStage stage;
    stage.addAnswering();
    stage.start();
    const EventSeq seq = stage.accept("e1", {"rag"});

    stage.end("rag", "e1", Kind::kSkipped);

    REQUIRE(stage.guard.closed().size() == 1);
    CHECK(stage.guard.closed()[0].apologise);
    CHECK(stage.life(seq, "rag").state == DeliveryState::kDone);
    CHECK(stage.life(seq, "rag").end == End::kSkipped);
  }

  TEST_CASE("closings: an overrun of an answering module apologises") {
    DispatchStage stage;
    stage.addAnswering().timeout = Milliseconds(3'000);
    stage.start();
    stage.accept("e1", {"rag"});

    stage.advance(Milliseconds(3'000));
    stage.advance(stage.settings.overrun_grace);

    REQUIRE(stage.guard.closed().size() == 1);
    CHECK(stage.guard.closed()[0].apologise);
    CHECK(stage.onlyDeadLetter().end == End::kOverran);
  }

  TEST_CASE("closings: a retry that is still to come owes nothing yet") {
    DispatchStage stage;
    stage.addAnswering().retry.attempts = 2;
    stage.start();
    stage.accept("e1", {"rag"});

    stage.end("rag", "e1", Kind::kFailed);

    CHECK(stage.guard.closed().empty());
  }

  TEST_CASE("closings: a module that does not answer never causes an apology") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();
    const EventSeq seq = stage.accept("e1", {"logger"});
    stage.guard.setOpenSteps({seq, "logger"});

    stage.end("logger", "e1", Kind::kFailed);

    REQUIRE(stage.guard.closed().size() == 1);
    CHECK_FALSE(stage.guard.closed()[0].apologise);
    CHECK_FALSE(stage.guard.closed()[0].ended_well);
  }

  TEST_CASE("closings: an event without an assistant message owes no answer") {
    DispatchStage stage;
    stage.addAnswering();
    stage.start();
    const EventSeq seq = stage.acceptUserMessage("e1", {"rag"});

    stage.end("rag", "e1");

    CHECK(stage.guard.closed().empty());
    CHECK(stage.life(seq, "rag").state == DeliveryState::kDone);
  }

  TEST_CASE("closings: what is owed is recorded before the first closing call") {
    DispatchStage stage;
    stage.addAnswering();
    std::vector<DeliveryState> seen;
    stage.guard.on_close = [&](const Closing& closing) {
      seen.push_back(stage.life(closing.delivery.key.seq, "rag").state);
    };
    stage.start();
    stage.accept("e1", {"rag"});

    stage.end("rag", "e1", Kind::kFailed);

    CHECK(seen == std::vector<DeliveryState>{DeliveryState::kClosing});
  }

  TEST_CASE("closings: the apology waits for the event's other deliveries but open steps do not") {
    DispatchStage stage;
    stage.addAnswering();
    stage.addLane("logger");
    stage.start();
    const EventSeq seq = stage.accept("e1", {"rag", "logger"});
    stage.guard.setOpenSteps({seq, "rag"});

    stage.end("rag", "e1", Kind::kFailed);
    REQUIRE(stage.guard.closed().size() == 1);
    CHECK_FALSE(stage.guard.closed()[0].apologise);
    CHECK(stage.life(seq, "rag").state == DeliveryState::kClosing);
    stage.end("logger", "e1");

    REQUIRE(stage.guard.closed().size() == 2);
    CHECK(stage.guard.closed()[1].apologise);
    CHECK(stage.life(seq, "rag").state == DeliveryState::kDead);
  }

  TEST_CASE("closings: the apology waits for nobody beyond answer_within") {
    DispatchStage stage;
    stage.addAnswering();
    stage.addLane("logger").timeout = Milliseconds(3'600'000);
    stage.start();
    const EventSeq seq = stage.accept("e1", {"rag", "logger"});
    stage.end("rag", "e1", Kind::kFailed);

    stage.advance(stage.settings.answer_within - Milliseconds(1));
    CHECK(stage.guard.closed().empty());
    stage.advance(Milliseconds(1));

    REQUIRE(stage.guard.closed().size() == 1);
    CHECK(stage.guard.closed()[0].apologise);
    CHECK(stage.life(seq, "rag").state == DeliveryState::kDead);
    CHECK(stage.life(seq, "logger").state == DeliveryState::kRunning);
  }

  TEST_CASE("closings: siblings that both owe the apology do not wait for each other") {
    DispatchStage stage;
    stage.addAnswering("rag");
    stage.addAnswering("second");
    stage.start();
    const EventSeq seq = stage.accept("e1", {"rag", "second"});

    stage.end("rag", "e1", Kind::kFailed);
    stage.end("second", "e1", Kind::kFailed);

    CHECK(stage.life(seq, "rag").state == DeliveryState::kDead);
    CHECK(stage.life(seq, "second").state == DeliveryState::kDead);
    REQUIRE_FALSE(stage.guard.closed().empty());
    CHECK(stage.guard.closed()[0].key.target == "rag");
  }

  TEST_CASE("closings: an inbox that cannot count siblings for a moment is asked again") {
    DispatchStage stage;
    stage.addAnswering();
    stage.start();
    const EventSeq seq = stage.accept("e1", {"rag"});
    stage.faulty.failNext("openDeliveries", ErrorKind::kUnavailable, 1);

    stage.end("rag", "e1", Kind::kFailed);
    CHECK(stage.guard.closed().empty());
    stage.advance(stage.settings.inbox_pause);

    CHECK(stage.life(seq, "rag").state == DeliveryState::kDead);
  }

  TEST_CASE("closings: a closing that is on its way does not hold up its chat") {
    DispatchStage stage;
    stage.addAnswering("rag", 8).order_by = OrderBy::kChat;
    stage.start();
    stage.guard.holdClosings(true);
    stage.accept("e1", {"rag"}, "x");
    stage.accept("e2", {"rag"}, "x");

    stage.end("rag", "e1", Kind::kFailed);

    CHECK(stage.runner("rag").running() == Names{"e2"});
  }

  TEST_CASE("closings: calls that fail are repeated after a back-off") {
    DispatchStage stage;
    stage.addAnswering();
    stage.start();
    const EventSeq seq = stage.accept("e1", {"rag"});
    stage.guard.failClosings(1);

    stage.end("rag", "e1", Kind::kFailed);
    CHECK(stage.life(seq, "rag").state == DeliveryState::kClosing);
    stage.advance(stage.settings.closing_backoff);

    CHECK(stage.guard.closed().size() == 2);
    CHECK(stage.onlyDeadLetter().why == "it broke");
  }

  TEST_CASE("closings: chats that nobody can write to leave the window to the others") {
    DispatchStage stage;
    stage.settings.window = 4;
    stage.addAnswering("rag", 4);
    stage.start();
    stage.guard.failClosings(1'000);
    for (int n = 0; n < 20; ++n) {
      const std::string id = "a" + std::to_string(n);
      stage.accept(id, {"rag"}, id);
      stage.end("rag", id, Kind::kReject);
    }
    CHECK(stage.metricsSay("modhost_closings{module=\"rag\"} 20"));

    stage.accept("b", {"rag"});

    CHECK(stage.runner("rag").running() == std::vector<std::string>{"b"});
  }

  TEST_CASE("closings: closings have a bound of their own") {
    DispatchStage stage;
    stage.settings.window = 1;
    stage.addAnswering();
    stage.start();
    stage.guard.failClosings(1'000);
    for (int n = 0; n < 16; ++n) {
      const std::string id = "a" + std::to_string(n);
      stage.accept(id, {"rag"});
      stage.end("rag", id, Kind::kReject);
    }

    stage.accept("b", {"rag"});

    CHECK(stage.runner("rag").running().empty());
    stage.guard.failClosings(0);
    stage.advance(stage.settings.closing_backoff_max);
    CHECK(stage.runner("rag").running() == std::vector<std::string>{"b"});
  }

  TEST_CASE("closings: what owes an apology at once asks for its siblings at once") {
    DispatchStage stage;
    stage.addAnswering();
    stage.start();
    for (int n = 0; n < 16; ++n) {
      const std::string id = "e" + std::to_string(n);
      stage.accept(id, {"rag"}, id);
    }
    stage.remove("rag");

    stage.reconfigure();

    CHECK(stage.faulty.askedOpen() == 1);
    CHECK(stage.guard.closed().size() == 15);
  }

  TEST_CASE("closings: a platform that is away for an hour is waited for") {
    DispatchStage stage;
    stage.addAnswering();
    stage.start();
    const EventSeq seq = stage.accept("e1", {"rag"});
    stage.guard.failClosings(40);

    stage.end("rag", "e1", Kind::kFailed);
    for (int n = 0; n < 39; ++n) stage.advance(Milliseconds(60'000));
    CHECK(stage.life(seq, "rag").state == DeliveryState::kClosing);
    for (int n = 0; n < 9; ++n) stage.advance(Milliseconds(60'000));

    CHECK(stage.onlyDeadLetter().why == "it broke");
  }

  TEST_CASE("closings: a chat that cannot be closed is a dead letter that says so") {
    DispatchStage stage;
    stage.settings.close_within = Milliseconds(300'000);
    stage.addAnswering();
    stage.start();
    const EventSeq seq = stage.accept("e1", {"rag"});
    stage.guard.failClosings(100);

    SUBCASE("after a failure") {
      stage.end("rag", "e1", Kind::kFailed);
      for (int n = 0; n < 8; ++n) stage.advance(Milliseconds(60'000));
      CHECK(stage.onlyDeadLetter().why == "it broke; the chat could not be closed");
      CHECK(stage.onlyDeadLetter().end == End::kFailed);
    }
    SUBCASE("after an ok with open steps") {
      stage.guard.setAnswered(seq);
      stage.guard.setOpenSteps({seq, "rag"});
      stage.end("rag", "e1");
      for (int n = 0; n < 8; ++n) stage.advance(Milliseconds(60'000));
      CHECK(stage.onlyDeadLetter().why == "the chat could not be closed");
    }

    CHECK(stage.guard.closed().size() == 6);  // at once, and once in each of five minutes
  }

  TEST_CASE("closings: after a crash in closing only the closing is repeated") {
    DispatchStage stage;
    stage.addAnswering();
    stage.start();
    stage.guard.holdClosings(true);
    const EventSeq seq = stage.accept("e1", {"rag"});
    stage.end("rag", "e1", Kind::kFailed);
    stage.stop();
    stage.guard.restart();
    stage.guard.holdClosings(false);
    stage.inbox.restart();

    stage.start();

    REQUIRE(stage.guard.closed().size() == 2);
    CHECK(stage.guard.closed()[1].apologise);
    CHECK(stage.runner("rag").started() == Names{"e1"});
    CHECK(stage.life(seq, "rag").state == DeliveryState::kDead);
    CHECK(stage.life(seq, "rag").end == End::kFailed);
  }

  // A power cut may take an answer's record and the clock's battery: the host starts at an earlier
  // hour, and wrote the apology over the answer.
  TEST_CASE("closings: an event of an earlier process is looked at whatever the clock says") {
    for (const bool restarted : {false, true}) {
      DispatchStage stage;
      stage.addAnswering();
      stage.start();
      stage.accept("e1", {"rag"});
      if (restarted) {
        stage.stop();
        stage.runner("rag").endAllLate();
        stage.inbox.restart();
        stage.guard.restart();
        stage.clock.jumpWall(-std::chrono::hours(1));
        stage.start();
      }

      stage.end("rag", "e1", Kind::kFailed);

      REQUIRE(stage.guard.closed().size() == 1);
      CHECK(stage.guard.closed()[0].look_first == restarted);
    }
  }

  TEST_CASE("closings: what waited longer than answer_within is not started but apologised for") {
    DispatchStage stage;
    stage.addAnswering();
    stage.addLane("logger");
    const EventSeq seq = stage.accept("e1", {"rag", "logger"});

    SUBCASE("before the host started") {
      stage.clock.advance(stage.settings.answer_within);
      stage.start();
      CHECK(stage.runner("rag").started().empty());
    }
    SUBCASE("behind a saturated module") {
      stage.addAnswering().timeout = Milliseconds(3'600'000);
      stage.start();
      const EventSeq later = stage.accept("e2", {"rag"});
      stage.advance(stage.settings.answer_within);
      CHECK(stage.runner("rag").started() == Names{"e1"});
      CHECK(stage.life(later, "rag").end == End::kExpired);
      stage.guard.setAnswered(seq);
      stage.end("rag", "e1");
    }

    REQUIRE(stage.guard.closed().size() == 1);
    CHECK(stage.guard.closed()[0].apologise);
    CHECK(stage.onlyDeadLetter().end == End::kExpired);
    CHECK(stage.runner("logger").started() == Names{"e1"});
  }

  TEST_CASE(
      "closings: a delivery whose module is gone is a dead letter and its chat gets an apology") {
    DispatchStage stage;
    stage.addLane("logger");
    const EventSeq seq = stage.accept("e1", {"gone", "logger"});
    stage.start();

    CHECK(stage.guard.closed().empty());
    stage.end("logger", "e1");

    REQUIRE(stage.guard.closed().size() == 1);
    CHECK(stage.guard.closed()[0].apologise);
    CHECK(stage.onlyDeadLetter().why == "module not configured");
    CHECK(stage.onlyDeadLetter().end == End::kNotConfigured);
    CHECK(stage.life(seq, "gone").attempts == 0);
  }

  TEST_CASE("closings: a replay for a module that is gone ends again") {
    DispatchStage stage;
    stage.addLane("logger");
    stage.start();

    const EventSeq seq = stage.accept("e1", {"gone"});
    CHECK(stage.life(seq, "gone").state == DeliveryState::kDead);
    REQUIRE(stage.inbox.replay({seq, "gone"}, {}).ok());
    stage.settled();

    CHECK(stage.onlyDeadLetter().number == 2);
  }

  TEST_CASE("closings: a replayed dead letter runs as new") {
    DispatchStage stage;
    stage.addAnswering();
    stage.start();
    const EventSeq seq = stage.accept("e1", {"rag"});
    stage.end("rag", "e1", Kind::kFailed);
    stage.advance(stage.settings.answer_within * 10);

    REQUIRE(stage.inbox.replay({seq, "rag"}, {}).ok());
    stage.settled();

    REQUIRE(stage.runner("rag").running() == Names{"e1"});
    CHECK(stage.runner("rag").attempt("e1")->number == 1);
    stage.guard.setAnswered(seq);
    stage.end("rag", "e1");
    CHECK(stage.life(seq, "rag").state == DeliveryState::kDone);
  }

  // The old apology counted as the answer: the operator saw success, the body was deleted.
  TEST_CASE("closings: a replay whose module writes no answer is a dead letter again") {
    for (const Kind kind : {Kind::kOk, Kind::kFailed}) {
      DispatchStage stage;
      stage.addAnswering();
      stage.start();
      const EventSeq seq = stage.accept("e1", {"rag"});
      stage.end("rag", "e1", Kind::kFailed);
      REQUIRE(stage.inbox.replay({seq, "rag"}, {}).ok());
      stage.settled();

      stage.end("rag", "e1", kind);

      CHECK(stage.onlyDeadLetter().end == End::kFailed);
      CHECK(stage.guard.closed().size() == 1);  // the apology stands, and is not written again
    }
  }
}

}  // namespace modhost::host
