// One poisonous event among 64 in flight in one worker: the other 63 are answered, and it alone is
// a dead letter, after at most interruptions_max deaths of its own.
#include "tests/fault/worker_stage.h"

namespace modhost::host {
namespace {

constexpr int kNeighbours = 63;
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
    REQUIRE(poison_->waitForArrivals());
    for (int n = 0; n < kNeighbours; ++n) stage_.post(neighbour(n), "hello");
    REQUIRE(neighbours_->waitForArrivals(kNeighbours));
  }
  void strike() { poison_->release(); }
  void letNeighboursGo() { neighbours_->release(); }

  void checkNeighboursAnswered() {
    for (int n = 0; n < kNeighbours; ++n) {
      CAPTURE(n);
      CHECK(stage_.awaitAnswer(neighbour(n), "fine: hello"));
    }
  }

 private:
  WorkerStage& stage_;
  const std::shared_ptr<Hold> neighbours_, poison_;
};

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("fault poison: one signal among 64 in flight costs the other 63 nothing") {
  WorkerStage stage;
  Flight flight(stage, "segv");

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
  WorkerStage stage("timeout: 20s", "worker: {stop_grace: 200ms}\n");
  Flight flight(stage, "spin");

  flight.strike();
  flight.letNeighboursGo();

  flight.checkNeighboursAnswered();
  stage.checkBadEnd("evt_poison", "overran");
  CHECK(eventually([&] { return stage.restarts() == 1; }));
  CHECK(stage.moduleStatus().at("last_death").at("events") ==
        nlohmann::json::array({"evt_poison"}));
  stage.post("evt_new", "hello");
  CHECK(stage.awaitAnswer("evt_new", "fine: hello"));
}

TEST_SUITE_END();

}  // namespace modhost::host
