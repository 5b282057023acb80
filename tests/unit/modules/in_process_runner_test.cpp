#include "host/modules/in_process_runner.h"

#include <filesystem>

#include "tests/unit/modules/harness.h"

using namespace modhost::host;

// A module that does not let go leaves its threads behind on purpose; ThreadSanitizer would call them leaked.
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "report_thread_leaks=0"; }

namespace {

std::size_t threadsOfProcess() {
  namespace fs = std::filesystem;
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator()));
}

}  // namespace

TEST_SUITE("in_process_runner") {
  TEST_CASE("in_process_runner: an abandoned attempt is stuck until it ends and others go on") {
    Harness harness;
    const auto runner = harness.make("hangs", 1);
    const AttemptToken hanging = harness.start(*runner, "test.hang");
    harness.calls->await(1);

    runner->abandon(hanging);

    CHECK(runner->stuck() == 1);
    CHECK(harness.ends.await(harness.start(*runner)).kind == Kind::kOk);
    harness.calls->answer(0, replyOf(200, ""));
    awaitThat([&] { return runner->stuck() == 0; });
    CHECK_FALSE(harness.ends.has(hanging));
    CHECK(harness.ends.await(harness.start(*runner)).kind == Kind::kOk);
    runner->stop(Milliseconds(10'000));
  }

  TEST_CASE(
      "in_process_runner: a module that bears one handle at once gets no second while one is "
      "stuck") {
    Harness harness;
    const auto runner = harness.make("hangs_serial");
    const AttemptToken hanging = harness.start(*runner, "test.hang");
    harness.calls->await(1);
    const std::size_t threads = threadsOfProcess();
    runner->abandon(hanging);

    const AttemptToken next = harness.start(*runner, "test.hang");
    const AttemptToken never = harness.start(*runner, "test.hang");
    runner->abandon(never);                // not begun, so nothing is stuck for it
    CHECK(threadsOfProcess() <= threads);  // none was made that could call handle()
    CHECK(runner->stuck() == 1);
    CHECK(harness.calls->count() == 1);
    harness.calls->answer(0, replyOf(200, ""));

    harness.calls->await(2);
    harness.calls->answer(1, replyOf(200, ""));
    CHECK(harness.ends.await(next).kind == Kind::kOk);
    runner->stop(Milliseconds(10'000));
    CHECK(harness.calls->count() == 2);
  }

  TEST_CASE("in_process_runner: calls of an abandoned attempt are cancelled") {
    Harness harness;
    const auto runner = harness.make("waits_until_cancelled");
    const AttemptToken token = harness.start(*runner);
    runner->abandon(token);
    awaitThat([&] { return runner->stuck() == 0; });
    CHECK_FALSE(harness.ends.has(token));
  }

  TEST_CASE("in_process_runner: the attempt's own cancelled is what the module sees") {
    Harness harness;
    const auto runner = harness.make("waits_until_cancelled");
    const AttemptToken token = harness.start(*runner);
    harness.calls->setCancelled();
    CHECK(harness.ends.await(token).kind == Kind::kSkipped);
  }

  TEST_CASE("in_process_runner: no more attempts are handled at once than the concurrency") {
    Harness harness;
    const auto runner = harness.make("hangs", 2);
    for (int i = 0; i < 3; ++i) harness.start(*runner, "test.hang");
    harness.calls->await(2);

    harness.calls->answer(0, replyOf(200, ""));
    harness.calls->await(3);  // the third began only now

    harness.calls->answer(1, replyOf(200, ""));
    harness.calls->answer(2, replyOf(200, ""));
    for (AttemptToken token = 1; token <= 3; ++token)
      CHECK(harness.ends.await(token).kind == Kind::kOk);
  }

  TEST_CASE("in_process_runner: a module whose stop or destroy hangs is left behind and counted") {
    for (const char* const file : {"stop_hangs", "destroy_hangs"}) {
      CAPTURE(file);
      Harness harness;
      const auto runner = harness.make(file);
      CHECK(harness.ends.await(harness.start(*runner)).kind == Kind::kOk);
      const std::size_t left = modulesLeftBehind();

      runner->stop(Milliseconds(50));

      CHECK(runner->stuck() == 1);
      CHECK(runner->stillMapped());
      CHECK(modulesLeftBehind() == left + 1);
    }
  }

  TEST_CASE("in_process_runner: a module that is never ready is refused and left behind") {
    Harness harness;
    harness.runners.worker.start_timeout = Milliseconds(50);
    const std::size_t left = modulesNeverStarted();

    const std::string error = harness.errorOf("start_hangs");

    CHECK(error.find("module start-hangs: it was not ready within 50 ms") != std::string::npos);
    CHECK(modulesNeverStarted() == left + 1);
    CHECK(modulesLeftBehind() >= modulesNeverStarted());
  }

  TEST_CASE("in_process_runner: a module's first and last calls are on one thread of its own") {
    Harness harness;
    const std::size_t threads = threadsOfProcess();
    const auto runner = harness.make("ok_module");
    CHECK(threadsOfProcess() == threads + 1);

    runner->stop(Milliseconds(10'000));

    awaitThat([&] { return threadsOfProcess() == threads; });
  }
}
