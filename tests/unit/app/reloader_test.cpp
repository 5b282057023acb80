#include "host/app/reloader.h"

#include <doctest/doctest.h>

#include <chrono>

namespace modhost::host {
namespace {

constexpr Milliseconds kLong{60'000};

// A reload that lasts until the test lets it go.
class Gate {
 public:
  void pass() {
    MutexLock lock(mutex_);
    ++arrived_;
    changed_.notifyAll();
    while (allowed_ < arrived_) changed_.wait(mutex_);
  }
  void waitForArrivals(int count) {
    MutexLock lock(mutex_);
    while (arrived_ < count) changed_.wait(mutex_);
  }
  void allow(int count) {
    MutexLock lock(mutex_);
    allowed_ = count;
    changed_.notifyAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int arrived_ GUARDED_BY(mutex_) = 0;
  int allowed_ GUARDED_BY(mutex_) = 0;
};

struct Stage {
  SystemClock clock;
  Gate gate;
  std::vector<std::string> triggers;  // of the reloads, in order; written by the reloader's thread
  int sweeps = 0;
  Reloader reloader{clock,
                    {[this](const std::string& trigger) {
                       gate.pass();
                       triggers.push_back(trigger);
                       ReloadOutcome outcome;
                       outcome.error = "run " + std::to_string(triggers.size());
                       return outcome;
                     },
                     [this] { ++sweeps; }}};
};

}  // namespace

TEST_SUITE_BEGIN("reloader");

TEST_CASE("reloader: the outcome reaches who waits for it") {
  Stage stage;
  stage.gate.allow(1);
  stage.reloader.start();

  const auto outcome = stage.reloader.reload("a", kLong);

  REQUIRE(outcome);
  CHECK(outcome->error == "run 1");
}

TEST_CASE("reloader: all who ask while one runs share the next") {
  Stage stage;
  stage.reloader.start();
  stage.reloader.request("a");
  stage.gate.waitForArrivals(1);
  stage.reloader.request("b");
  stage.reloader.request("c");
  stage.reloader.request("b");
  stage.gate.allow(3);

  // Joins the second run, or follows it when that has begun already.
  const auto outcome = stage.reloader.reload("b", kLong);

  REQUIRE(outcome);
  stage.reloader.stop();
  CHECK(stage.triggers.front() == "a");
  CHECK(stage.triggers.at(1) == "b, c");
}

TEST_CASE("reloader: who has no patience is told nothing and the reload goes on") {
  Stage stage;
  stage.reloader.start();

  CHECK(!stage.reloader.reload("a", Milliseconds(0)));
  stage.gate.allow(1);
  stage.gate.waitForArrivals(1);
  stage.reloader.stop();

  CHECK(stage.triggers == std::vector<std::string>{"a"});
}

TEST_CASE("reloader: a stop ends what was only asked for with words") {
  Stage stage;
  stage.reloader.start();
  stage.reloader.request("a");
  stage.gate.waitForArrivals(1);
  Thread waiter("waiter", [&] {
    const auto outcome = stage.reloader.reload("b", kLong);
    CHECK(outcome);
    CHECK(outcome->error == "the host is stopping");
  });
  Thread stopper("stopper", [&] { stage.reloader.stop(); });
  waiter.join();
  stage.gate.allow(1);
  stopper.join();

  CHECK(stage.reloader.reload("c", kLong)->error == "the host is stopping");
  CHECK(stage.triggers == std::vector<std::string>{"a"});
}

TEST_CASE("reloader: what was swept for is swept before the next reload") {
  Stage stage;
  stage.reloader.requestSweep();
  stage.reloader.request("a");
  stage.reloader.start();
  stage.gate.waitForArrivals(1);

  CHECK(stage.sweeps == 1);
  stage.gate.allow(1);
}

TEST_SUITE_END();

}  // namespace modhost::host
