#include "host/modules/worker_runner.h"

#include <sys/wait.h>

#include "host/modules/module_limits.h"
#include "host/modules/sanitized.h"
#include "tests/unit/modules/harness.h"

using namespace modhost::host;

namespace {

struct WorkerHarness : Harness {
  WorkerHarness() : Harness(Isolation::kWorker) {}
};

// Blocks until a child of ours stands still; it stays to be reaped.
void awaitStoppedChild() {
  siginfo_t info{};
  REQUIRE(::waitid(P_ALL, 0, &info, WSTOPPED | WNOWAIT) == 0);
}

bool contains(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("worker_runner") {
  TEST_CASE_FIXTURE(WorkerHarness,
                    "worker_runner: an attempt that kills its worker alone is suspect") {
    const auto runner = make("dies");
    struct Death {
      std::string type, words;
    };
    for (const Death& death : std::vector<Death>{{"test.segv", "SIGSEGV"},
                                                 {"test.null", "SIGSEGV"},
                                                 {"test.overflow", "SIGSEGV"},
                                                 {"test.abort", "SIGABRT"}}) {
      const std::string& type = death.type;
      const std::string& words = death.words;
      CAPTURE(type);
      const std::size_t calls_before = calls->count();
      const AttemptToken neighbour = start(*runner, "test.wait");
      calls->await(calls_before + 1);
      const AttemptToken guilty = start(*runner, type);

      CHECK(ends.await(guilty).kind == Kind::kInterrupted);
      CHECK(ends.await(guilty).suspect);
      CHECK(contains(ends.await(guilty).text, words));
      CHECK(ends.await(neighbour).kind == Kind::kInterrupted);
      CHECK_FALSE(ends.await(neighbour).suspect);
      CHECK(ends.await(start(*runner)).kind == Kind::kOk);  // in the next worker
    }
  }

  TEST_CASE_FIXTURE(WorkerHarness, "worker_runner: a death that names nobody makes all suspect") {
    const auto runner = make("dies");
    const AttemptToken neighbour = start(*runner, "test.wait");
    calls->await(1);
    const AttemptToken guilty = start(*runner, "test.exit");

    CHECK(contains(ends.await(guilty).text, "exited with status 3"));
    CHECK(ends.await(guilty).suspect);
    CHECK(ends.await(neighbour).suspect);
    CHECK(ends.await(start(*runner)).kind == Kind::kOk);
    calls->answer(0, replyOf(200, ""));  // for a worker that is gone
  }

  TEST_CASE_FIXTURE(WorkerHarness, "worker_runner: a suspect runs alone and dies alone") {
    const auto runner = make("dies");
    const AttemptToken neighbour = start(*runner, "test.wait");
    calls->await(1);

    const AttemptToken guilty = start(*runner, "test.exit", "{}", true);
    const AttemptToken innocent = start(*runner, "test.event", "{}", true);

    CHECK(ends.await(guilty).kind == Kind::kInterrupted);
    CHECK(ends.await(guilty).suspect);
    CHECK(ends.await(innocent).kind == Kind::kOk);
    calls->answer(0, replyOf(200, ""));
    CHECK(ends.await(neighbour).kind == Kind::kOk);
    CHECK(runner->health().restarts == 1);
    awaitThat([&] { return runner->health().workers == 1; });  // the common one
  }

  TEST_CASE_FIXTURE(WorkerHarness, "worker_runner: suspects do not share a worker") {
    const auto runner = make("dies");
    const AttemptToken first = start(*runner, "test.wait", "{}", true);
    const AttemptToken second = start(*runner, "test.wait", "{}", true);
    calls->await(2);
    CHECK(runner->health().workers == 3);

    runner->abandon(first);
    runner->abandon(second);
    awaitThat([&] { return runner->health().workers == 1; });
    CHECK(ends.await(start(*runner)).kind == Kind::kOk);
  }

  TEST_CASE_FIXTURE(WorkerHarness,
                    "worker_runner: deaths of suspects hold up neither the others nor the next") {
    runners.worker.restart_backoff = std::chrono::duration_cast<Milliseconds>(kSafetyLimit) * 2;
    runners.worker.restart_backoff_max = runners.worker.restart_backoff;
    const auto runner = make("dies");
    for (int death = 0; death < 5; ++death) {
      CHECK(ends.await(start(*runner, "test.exit", "{}", true)).kind == Kind::kInterrupted);
    }
    CHECK(ends.await(start(*runner, "test.event", "{}", true)).kind == Kind::kOk);
    CHECK(ends.await(start(*runner)).kind == Kind::kOk);
  }

  TEST_CASE_FIXTURE(WorkerHarness, "worker_runner: suspects that wait when it stops are let go") {
    const auto runner = make("dies");
    const AttemptToken waits = start(*runner, "test.wait", "{}", true);
    runner->stop(Milliseconds(1'000));
    CHECK(ends.await(waits).kind == Kind::kInterrupted);
    CHECK_FALSE(ends.await(waits).suspect);
  }

  TEST_CASE_FIXTURE(WorkerHarness, "worker_runner: health names how a worker died and of what") {
    const auto runner = make("dies");
    CHECK_FALSE(runner->health().last_death);
    CHECK(runner->health().workers == 1);

    const AttemptToken neighbour = start(*runner, "test.wait");
    calls->await(1);
    const AttemptToken by_signal = start(*runner, "test.segv");
    ends.await(by_signal);
    ends.await(neighbour);
    const std::vector<std::string> guilty = {"evt_" + std::to_string(by_signal)};
    CHECK(runner->health().last_death->events == guilty);
    CHECK(contains(runner->health().last_death->how, "SIGSEGV"));

    const AttemptToken beside = start(*runner, "test.wait");
    calls->await(2);
    ends.await(start(*runner, "test.exit"));
    ends.await(beside);
    CHECK(runner->health().restarts == 2);
    CHECK(runner->health().last_death->events.size() == 2);
    CHECK(contains(runner->health().last_death->how, "exited with status 3"));
  }

  TEST_CASE_FIXTURE(WorkerHarness, "worker_runner: a forked child that dies names nobody") {
    const auto runner = make("dies");
    const AttemptToken neighbour = start(*runner, "test.wait");
    calls->await(1);
    CHECK(ends.await(start(*runner, "test.child")).kind == Kind::kOk);  // its child got SIGSEGV
    const AttemptToken guilty = start(*runner, "test.segv");

    CHECK(ends.await(guilty).suspect);
    CHECK_FALSE(ends.await(neighbour).suspect);
  }

  TEST_CASE_FIXTURE(WorkerHarness, "worker_runner: bodies of calls in flight are bounded") {
    if (kSanitized) return;  // reading 64 MiB of JSON takes ThreadSanitizer two minutes
    const auto runner = make("call_maker");
    const std::string body = "\"" + std::string(kCallBodyBytesMax - 2, 'x') + "\"";
    const std::size_t fit = kWorkerCallBytesMax / kCallBodyBytesMax;
    std::vector<AttemptToken> tokens;
    for (std::size_t i = 0; i < fit; ++i) {
      tokens.push_back(start(*runner, "test.body", body));
      calls->await(i + 1);
    }
    const AttemptToken over = start(*runner, "test.body", body);
    CHECK(contains(ends.await(over).text, "larger than"));

    calls->answer(0, replyOf(200, ""));
    CHECK(ends.await(tokens.front()).kind == Kind::kOk);
    tokens.push_back(start(*runner, "test.body", body));
    calls->await(fit + 1);
  }

  TEST_CASE_FIXTURE(WorkerHarness, "worker_runner: results that were sent before the death count") {
    const auto runner = make("dies");
    std::vector<AttemptToken> good;
    for (int i = 0; i < 5; ++i) good.push_back(start(*runner, "test.stderr"));
    const AttemptToken last = start(*runner, "test.exit");
    CHECK(ends.await(last).kind == Kind::kInterrupted);
    for (const AttemptToken token : good) {
      const Kind kind = ends.await(token).kind;
      CHECK((kind == Kind::kOk || kind == Kind::kInterrupted));
    }
  }

  TEST_CASE_FIXTURE(WorkerHarness,
                    "worker_runner: an overrun worker is retired and its neighbours finish in it") {
    const auto runner = make("hangs");
    const AttemptToken overrun = start(*runner, "test.hang");
    const AttemptToken neighbour = start(*runner, "test.hang");
    calls->await(2);

    runner->cancel(overrun);
    runner->abandon(overrun);

    awaitThat([&] { return runner->stuck() == 1; });
    CHECK(ends.await(start(*runner)).kind == Kind::kOk);  // a fresh worker
    CHECK_FALSE(ends.has(neighbour));
    // Which of the two calls is the neighbour's is not known: answer both.
    calls->answer(0, replyOf(200, ""));
    calls->answer(1, replyOf(200, ""));
    CHECK(ends.await(neighbour).kind == Kind::kOk);
    awaitThat([&] { return runner->stuck() == 0; });
    CHECK_FALSE(ends.has(overrun));
  }

  TEST_CASE_FIXTURE(WorkerHarness,
                    "worker_runner: a worker with nothing but overrun attempts is ended") {
    const auto runner = make("hangs");
    const AttemptToken overrun = start(*runner, "test.hang");
    calls->await(1);
    runner->abandon(overrun);
    awaitThat([&] {
      return contains(metrics.text(), "modhost_workers_ended_total{module=\"hangs\"} 1");
    });
    awaitThat([&] { return runner->stuck() == 0; });  // the count is told first
    CHECK_FALSE(ends.has(overrun));
  }

  TEST_CASE_FIXTURE(WorkerHarness, "worker_runner: stop leaves no process behind") {
    auto runner = make("ok_module");
    CHECK(ends.await(start(*runner)).kind == Kind::kOk);

    runner->stop(Milliseconds(10'000));

    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);  // no child at all
    CHECK(contains(metrics.text(), "modhost_workers_ended_total{module=\"ok-module\"} 0"));
  }

  TEST_CASE_FIXTURE(WorkerHarness,
                    "worker_runner: an event beyond the frame maximum fails and hurts nobody") {
    runners.worker.frame_max_bytes = 64 * 1024;
    const auto runner = make("ok_module");
    const AttemptToken large = start(*runner, "test.event", std::string(100 * 1024, ' '));
    CHECK(ends.await(large).kind == Kind::kFailed);
    CHECK(contains(ends.await(large).text, "worker.frame_max"));
    CHECK(ends.await(start(*runner, "test.event", std::string(60 * 1024, ' '))).kind == Kind::kOk);
  }

  TEST_CASE_FIXTURE(WorkerHarness,
                    "worker_runner: a reply beyond the frame maximum is an error to the module") {
    runners.worker.frame_max_bytes = 64 * 1024;
    const auto runner = make("call_maker");
    const AttemptToken token = start(*runner, "test.event", "/big");
    calls->await(1);
    calls->answer(0, replyOf(200, std::string(100 * 1024, 'x')));
    CHECK(ends.await(token).kind == Kind::kFailed);
    CHECK(contains(ends.await(token).text, "worker.frame_max"));
  }

  TEST_CASE_FIXTURE(WorkerHarness, "worker_runner: events of megabytes cross whole") {
    const auto runner = make("ok_module");
    for (int i = 0; i < 8; ++i) start(*runner, "test.event", std::string(4u << 20, ' '));
    for (AttemptToken token = 1; token <= 8; ++token) CHECK(ends.await(token).kind == Kind::kOk);
  }

  TEST_CASE_FIXTURE(WorkerHarness, "worker_runner: a burst of large events ends no worker") {
    const auto runner = make("ok_module");
    const std::string body(4u << 20, ' ');
    const std::size_t burst = kWorkerUnsentBytesMax / body.size() + 8;
    for (std::size_t i = 0; i < burst; ++i) start(*runner, "test.event", body);
    for (AttemptToken token = 1; token <= burst; ++token)
      CHECK(ends.await(token).kind == Kind::kOk);
    CHECK(runner->health().restarts == 0);
  }

  TEST_CASE_FIXTURE(WorkerHarness,
                    "worker_runner: what a worker does not read waits in the host for the next") {
    const auto runner = make("dies");
    const AttemptToken overrun = start(*runner, "test.stop");
    awaitStoppedChild();
    const std::string body(4u << 20, ' ');
    const std::size_t fit = kWorkerUnreadEventsMax / body.size();
    std::vector<AttemptToken> large;
    for (std::size_t i = 0; i < fit + 8; ++i) large.push_back(start(*runner, "test.event", body));
    runner->abandon(overrun);

    for (std::size_t i = fit + 1; i < large.size(); ++i) {
      CHECK(ends.await(large[i]).kind == Kind::kOk);
    }
    CHECK_FALSE(ends.has(large.front()));
    CHECK_FALSE(ends.has(overrun));
  }

  TEST_CASE_FIXTURE(WorkerHarness,
                    "worker_runner: a worker that speaks nonsense is ended and named") {
    runners.worker.worker_program = JUNK_WORKER;
    CHECK(contains(errorOf("ok_module"), "broke the protocol"));
  }

  TEST_CASE_FIXTURE(WorkerHarness, "worker_runner: a program that cannot be run is named") {
    runners.worker.worker_program = "/nonexistent/worker";
    CHECK(contains(errorOf("ok_module"), "/nonexistent/worker"));
  }

  TEST_CASE_FIXTURE(WorkerHarness,
                    "worker_runner: a program that ends at once is named with its status") {
    runners.worker.worker_program = "/bin/false";
    CHECK(contains(errorOf("ok_module"), "exited with status 1"));
  }
}
