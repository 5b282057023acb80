// One poisonous event among 64 in flight in one worker: the other 63 are answered, and it alone is
// a dead letter, after at most interruptions_max deaths of its own.
#include <atomic>
#include <thread>

#include "tests/fault/enough_time.h"
#include "tests/fault/worker_stage.h"

namespace modhost::host {
namespace {

constexpr int kNeighbours = 63;
constexpr int kSenders = 16;
// Of its own; the first may be the death of them all.
constexpr int kDeathsMax = 3;

std::string neighbour(int n) { return "evt_n" + std::to_string(n); }

// 63 that wait in their search, and the poisonous one, which waits in a search of its own.
class Flight {
 public:
  Flight(WorkerStage& stage, const std::string& how)
      : stage_(stage),
        neighbours_(stage.platform.hold({.path_prefix = "/search", .company = "202"})),
        poison_(stage.platform.hold({.path_prefix = "/search", .company = "666"})) {
    stage_.post("evt_poison", "poison: " + how, "666");
    postNeighbours();
  }
  // All wait in their searches. False: the poisonous one, the first, is over already.
  bool inTheAir() {
    const auto over = [&] { return !stage_.answerTo("evt_poison").empty(); };
    REQUIRE(eventually([&] {
      return (poison_->arrived() == 1 && neighbours_->arrived() == kNeighbours) || over();
    }));
    return !over();
  }
  void strike() { poison_->release(); }
  void letNeighboursGo() { neighbours_->release(); }

  void checkNeighboursAnswered() {
    for (int n = 0; n < kNeighbours; ++n) {
      CAPTURE(n);
      CHECK(stage_.awaitAnswer(neighbour(n), "fine: hello"));
    }
  }

  // False: one of them got an apology instead.
  bool neighboursAnswered() {
    for (int n = 0; n < kNeighbours; ++n) {
      if (stage_.awaitAnyAnswer(neighbour(n)) == WorkerStage::kApology) return false;
    }
    return true;
  }

 private:
  // Several at once, so that they share fsyncs.
  void postNeighbours() {
    std::atomic<int> next{0}, taken{0};
    std::vector<std::thread> senders;
    for (int i = 0; i < kSenders; ++i) {
      senders.emplace_back([&] {
        for (int n = next++; n < kNeighbours; n = next++) {
          if (stage_.isTaken(neighbour(n), "hello")) ++taken;
        }
      });
    }
    for (std::thread& sender : senders) sender.join();
    REQUIRE(taken == kNeighbours);
  }

  WorkerStage& stage_;
  const std::shared_ptr<Hold> neighbours_, poison_;
};

// False: the deadline came before all were in flight and the neighbours answered. One that takes
// its neighbours with it does so with every timeout.
bool checkOverrunEndsAlone(const std::string& timeout) {
  WorkerStage stage("timeout: " + timeout, "worker: {stop_grace: 200ms}\n");
  Flight flight(stage, "spin");
  if (!flight.inTheAir()) return false;

  flight.strike();
  flight.letNeighboursGo();

  if (!flight.neighboursAnswered() || !stage.logged("poisoned")) return false;
  flight.checkNeighboursAnswered();
  stage.checkBadEnd("evt_poison", "overran");
  CHECK(eventually([&] { return stage.restarts() == 1; }));
  CHECK(stage.moduleStatus().at("last_death").at("events") ==
        nlohmann::json::array({"evt_poison"}));
  stage.post("evt_new", "hello");
  CHECK(stage.awaitAnswer("evt_new", "fine: hello"));
  return true;
}

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("fault poison: one signal among 64 in flight costs the other 63 nothing") {
  WorkerStage stage;
  Flight flight(stage, "segv");
  REQUIRE(flight.inTheAir());

  flight.strike();
  REQUIRE(eventually([&] { return stage.restarts() >= 1; }));
  flight.letNeighboursGo();

  flight.checkNeighboursAnswered();
  stage.checkBadEnd("evt_poison", "interrupted");
  CHECK(stage.restarts() <= kDeathsMax);
  CHECK(stage.logged("modules: worker ended module=poison", "guilty=evt_poison"));
  CHECK_FALSE(stage.logged("modules: worker ended", "suspects="));
  CHECK(stage.moduleStatus().at("last_death").at("events") ==
        nlohmann::json::array({"evt_poison"}));
}

TEST_CASE("fault poison: one exit among 64 in flight is found by running the suspects alone") {
  for (const std::string how : {"exit", "killed"}) {
    CAPTURE(how);
    WorkerStage stage;
    Flight flight(stage, how);
    REQUIRE(flight.inTheAir());

    flight.strike();
    REQUIRE(eventually([&] { return stage.restarts() >= 1; }));
    CHECK(stage.moduleStatus().at("last_death").at("events").size() > 0);
    flight.letNeighboursGo();
    stage.post("evt_new", "hello");  // no suspect, so it need not wait for them

    CHECK(stage.awaitAnswer("evt_new", "fine: hello"));
    flight.checkNeighboursAnswered();
    stage.checkBadEnd("evt_poison", "interrupted");
    CHECK(stage.restarts() <= kDeathsMax);
    CHECK(stage.countLogged("worker for a suspect ready") >= kNeighbours);
    CHECK(stage.countLogged("delivery ended event=evt_n") == 0);  // a good end is a debug line
  }
}

TEST_CASE("fault poison: one overrun among 64 in flight ends that one alone") {
  withEnoughTime(checkOverrunEndsAlone, {"10s", "60s"});
}

TEST_SUITE_END();

}  // namespace modhost::host
