// A module that does not die but takes more than its share: of time, memory, the host's ear, or
// processes.
#include <unistd.h>

#include <fstream>

#include "tests/fault/enough_time.h"
#include "tests/fault/worker_stage.h"

namespace modhost::host {
namespace {

// Gone, or only waits for whoever adopted it to notice.
bool ended(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string id, name, state;
  return !(stat >> id >> name >> state) || state == "Z";
}

std::vector<int> pidsIn(const std::string& file) {
  std::ifstream in(file);
  std::vector<int> pids;
  for (int pid = 0; in >> pid;) pids.push_back(pid);
  return pids;
}

bool allEnded(const std::string& file) {
  const std::vector<int> pids = pidsIn(file);
  return std::all_of(pids.begin(), pids.end(), ended);
}

// False: the deadline came before the trouble, or before the next answer.
bool checkOverrunEndsTheWorker(const std::string& how, const std::string& timeout) {
  WorkerStage stage("timeout: " + timeout, "worker: {stop_grace: 200ms}\n");

  stage.post("evt_1", "poison: " + how);
  stage.checkNeighbours("evt_n1");

  stage.checkBadEnd("evt_1", "overran");
  if (!stage.logged("poisoned")) return false;
  stage.post("evt_2", "hello");
  if (stage.awaitAnyAnswer("evt_2") == WorkerStage::kApology) return false;
  CHECK(stage.answerTo("evt_2") == "fine: hello");
  CHECK(eventually([&] { return stage.restarts() == 1; }));
  CHECK(stage.logged("modules: worker ended module=poison", "its last attempts overran"));
  const nlohmann::json death = stage.moduleStatus().at("last_death");
  CHECK(death.at("events") == nlohmann::json::array({"evt_1"}));
  CHECK(stage.moduleStatus().at("stuck") == 0);
  CHECK(stage.host().terminate().exit_status == 0);
  return true;
}

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("fault worker: an event that spins or deadlocks is ended and its worker replaced") {
  for (const std::string how : {"spin", "deadlock"}) {
    CAPTURE(how);
    withEnoughTime(
        [&](const std::string& timeout) { return checkOverrunEndsTheWorker(how, timeout); },
        {"1s", "10s", "60s"});
  }
}

TEST_CASE("fault worker: a leak ends its own event and the worker is replaced") {
  WorkerStage stage("", "worker: {memory_max: 128MiB}\n");

  stage.post("evt_1", "poison: leak");
  stage.checkNeighbours("evt_n1");

  CHECK(stage.awaitAnswer("evt_1", WorkerStage::kApology));
  CHECK(stage.platform.waitFor([&] { return stage.stepsClosed("evt_1"); }));
  CHECK(eventually([&] { return stage.deadLetters() == 1; }));
  // An allocation fails in the module, which is a failed attempt, or below it, which is a death.
  CHECK(eventually([&] {
    return stage.logged("module=poison", "its memory is nearly full") || stage.restarts() > 0;
  }));
  stage.post("evt_2", "hello");
  CHECK(stage.awaitAnswer("evt_2", "fine: hello"));
  CHECK(stage.host().terminate().exit_status == 0);
}

TEST_CASE("fault worker: a worker that leaked most of its memory is replaced before events fail") {
  WorkerStage stage("", "worker: {memory_max: 128MiB}\n");

  stage.post("evt_1", "poison: leak-most");

  CHECK(stage.awaitAnswer("evt_1", "fine: poison: leak-most"));
  CHECK(eventually([&] {
    return stage.logged("modules: worker retired: its memory is nearly full", "module=poison");
  }));
  stage.post("evt_2", "hello");
  CHECK(stage.awaitAnswer("evt_2", "fine: hello"));
  CHECK(stage.restarts() == 0);
  CHECK(stage.host().terminate().exit_status == 0);
}

TEST_CASE("fault worker: a flood of lines is cut and hides neither itself nor the answers") {
  for (const std::string how : {"flood-log", "flood-stderr"}) {
    CAPTURE(how);
    WorkerStage stage;

    stage.post("evt_1", "poison: " + how);
    stage.checkNeighbours("evt_n1");

    CHECK(stage.awaitAnswer("evt_1", "fine: poison: " + how));
    CHECK(eventually(
        [&] { return stage.logged("module: log lines were dropped", "module=poison"); }));
    CHECK(stage.countLogged("flood of") < 50'000);
    const std::string metrics = httpGet(stage.host().adminPort(), "/metrics").body;
    CHECK(metrics.find("modhost_modules_log_lines_dropped_total{module=\"poison\"} 0") ==
          std::string::npos);
    CHECK(stage.restarts() == 0);
    CHECK(stage.host().terminate().exit_status == 0);
  }
}

TEST_CASE("fault worker: what a module forked dies with its worker") {
  WorkerStage stage;
  const std::string pids = stage.host().file("pids");

  stage.post("evt_1", "poison: forks");

  stage.checkBadEnd("evt_1", "interrupted");
  REQUIRE(pidsIn(pids).size() == 3);
  CHECK(eventually([&] { return allEnded(pids); }));
  CHECK(stage.logged("modules: worker ended module=poison", "exited with status 5"));
}

TEST_CASE("fault worker: what a module forked ends with a host that stops or is killed") {
  for (const bool killed : {false, true}) {
    CAPTURE(killed);
    WorkerStage stage;
    const std::string pids = stage.host().file("pids");
    stage.post("evt_1", "poison: forks-on");
    REQUIRE(stage.awaitAnswer("evt_1", "fine: poison: forks-on"));
    REQUIRE(pidsIn(pids).size() == 1);
    REQUIRE_FALSE(ended(pidsIn(pids).front()));

    if (killed) stage.host().kill();
    if (!killed) CHECK(stage.host().terminate().exit_status == 0);

    CHECK(eventually([&] { return allEnded(pids); }));
  }
}

TEST_SUITE_END();

}  // namespace modhost::host
