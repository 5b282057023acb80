// What holds for a module however it is run.
#include "tests/unit/modules/harness.h"

using namespace modhost::host;

namespace {

const std::vector<Isolation> kBoth = {Isolation::kInProcess, Isolation::kWorker};

bool contains(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("runner") {
  TEST_CASE("runner: a module handles what it is given and its outcome comes back") {
    for (const Isolation isolation : kBoth) {
      Harness harness(isolation);
      const auto runner = harness.make("ok_module");
      CHECK(runner->description().id == "ok-module");
      CHECK(runner->concurrency() == 8);

      for (int i = 0; i < 100; ++i) harness.start(*runner);

      for (AttemptToken token = 1; token <= 100; ++token) {
        const AttemptEnd end = harness.ends.await(token);
        CHECK(end.kind == Kind::kOk);
        CHECK(end.text == "evt_" + std::to_string(token));
      }
      awaitThat([&] {
        return contains(harness.metrics.text(),
                        "modhost_module_seen_total{module=\"ok-module\"} 100");
      });
      runner->stop(Milliseconds(10'000));
    }
  }

  TEST_CASE("runner: an attempt may be completed after handle has returned") {
    for (const Isolation isolation : kBoth) {
      Harness harness(isolation);
      const auto runner = harness.make("async_completes");
      for (int i = 0; i < 8; ++i) harness.start(*runner);
      for (AttemptToken token = 1; token <= 8; ++token)
        CHECK(harness.ends.await(token).text == "later");
      runner->stop(Milliseconds(10'000));
    }
  }

  TEST_CASE("runner: a module's call reaches the platform and the reply reaches the module") {
    for (const Isolation isolation : kBoth) {
      Harness harness(isolation);
      const auto runner = harness.make("call_maker");

      const AttemptToken ok = harness.start(*runner, "test.event", "/messages/1");
      const ModuleCall call = harness.calls->await(1);
      CHECK(call.method == "POST");
      CHECK(call.path == "/messages/1");
      CHECK(call.body == "{\"a\":1}");
      harness.calls->answer(0, replyOf(200, "hello"));
      CHECK(harness.ends.await(ok).kind == Kind::kOk);
      CHECK(harness.ends.await(ok).text == "hello");

      const AttemptToken busy = harness.start(*runner, "test.event", "/messages/2");
      harness.calls->await(2);
      harness.calls->answer(1, replyOf(429, ""));
      CHECK(harness.ends.await(busy).kind == Kind::kRetry);
      CHECK(harness.ends.await(busy).retry_after == Milliseconds(429));

      ModuleReply cancelled;
      cancelled.error = ModuleReply::Error::kCancelled;
      const AttemptToken fenced = harness.start(*runner, "test.event", "/messages/3");
      harness.calls->await(3);
      harness.calls->answer(2, cancelled);
      CHECK(harness.ends.await(fenced).kind == Kind::kSkipped);
    }
  }

  TEST_CASE(
      "runner: a call to a path that leads elsewhere is refused before it reaches the platform") {
    for (const Isolation isolation : kBoth) {
      Harness harness(isolation);
      const auto runner = harness.make("call_maker");
      const AttemptToken token = harness.start(*runner, "test.event", "http://evil.example/");
      CHECK(harness.ends.await(token).kind == Kind::kReject);
      CHECK(harness.calls->count() == 0);
    }
  }

  TEST_CASE("runner: a cancelled attempt learns of it and still says how it ends") {
    for (const Isolation isolation : kBoth) {
      Harness harness(isolation);
      const auto runner = harness.make("waits_until_cancelled");
      const AttemptToken token = harness.start(*runner);
      runner->cancel(token);
      CHECK(harness.ends.await(token).kind == Kind::kSkipped);
    }
  }

  TEST_CASE("runner: only the first complete counts") {
    for (const Isolation isolation : kBoth) {
      Harness harness(isolation);
      const auto runner = harness.make("completes_twice");
      CHECK(harness.ends.await(harness.start(*runner)).text == "first");
      CHECK(harness.ends.await(harness.start(*runner)).kind == Kind::kOk);
      runner->stop(Milliseconds(10'000));
    }
  }

  TEST_CASE("runner: an unknown outcome is a failure") {
    for (const Isolation isolation : kBoth) {
      Harness harness(isolation);
      const auto runner = harness.make("odd_outcome");
      const AttemptEnd end = harness.ends.await(harness.start(*runner));
      CHECK(end.kind == Kind::kFailed);
      CHECK(contains(end.text, "unknown outcome, 77"));
    }
  }

  TEST_CASE("runner: a flood of log lines is bounded and hinders nobody") {
    for (const Isolation isolation : kBoth) {
      Harness harness(isolation);
      const auto runner = harness.make("floods_log");
      CHECK(harness.ends.await(harness.start(*runner)).kind == Kind::kOk);
      const std::string metrics = harness.metrics.text();
      CHECK(contains(metrics, "modhost_modules_log_lines_dropped_total{module=\"floods-log\"}"));
      CHECK(contains(metrics, "modhost_modules_metrics_refused_total{module=\"floods-log\"} 2"));
    }
  }

  TEST_CASE("runner: what has not ended when the module stops is interrupted and suspects nobody") {
    for (const Isolation isolation : kBoth) {
      Harness harness(isolation);
      const auto runner = harness.make("hangs");
      const AttemptToken token = harness.start(*runner, "test.hang");
      harness.calls->await(1);

      runner->stop(Milliseconds(50));

      const AttemptEnd end = harness.ends.await(token);
      CHECK(end.kind == Kind::kInterrupted);
      CHECK_FALSE(end.suspect);
      harness.calls->answer(0, replyOf(200, ""));  // too late, and harmless
    }
  }
}
