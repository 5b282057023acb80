// A module that ends its own process: the host and its neighbours go on, the guilty event ends with
// an apology and closed steps, and whoever looks finds the module, the signal and the event.
#include "tests/fault/worker_stage.h"

namespace modhost::host {
namespace {

struct Death {
  const char* how;
  const char* words;   // in log and status
  const char* naming;  // how the log names the event
};

const std::vector<Death> kDeaths = {
    {"segv", "killed by signal 11 (SIGSEGV)", "guilty=evt_1"},
    {"abort", "killed by signal 6 (SIGABRT)", "guilty=evt_1"},
    {"exit", "exited with status 3", "suspects=evt_1"},
    {"killed", "killed by signal 9 (SIGKILL)", "suspects=evt_1"},
};

void checkNamed(const WorkerStage& stage, const std::string& words, const std::string& naming) {
  CHECK(stage.logged("modules: worker ended module=poison", words));
  CHECK(stage.logged("modules: worker ended module=poison", naming));
  const nlohmann::json status = stage.moduleStatus();
  CHECK(status.at("last_death").at("how").get<std::string>().find(words) != std::string::npos);
  CHECK(status.at("last_death").at("events") == nlohmann::json::array({"evt_1"}));
  CHECK(status.at("last_death").at("at").get<std::string>().size() > 20);
  CHECK(stage.moduleStatus("echo").at("last_death").is_null());
  CHECK(stage.moduleStatus("echo").at("restarts") == 0);
}

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("fault worker: an event that ends its worker is found and nobody else suffers") {
  for (const Death& death : kDeaths) {
    CAPTURE(death.how);
    WorkerStage stage;

    stage.post("evt_1", std::string("poison: ") + death.how);
    stage.checkNeighbours("evt_n1");

    stage.checkBadEnd("evt_1", "interrupted");
    CHECK(stage.restarts() == 3);  // interruptions_max
    checkNamed(stage, death.words, death.naming);
    stage.post("evt_2", "hello");
    CHECK(stage.awaitAnswer("evt_2", "fine: hello"));
    stage.checkNeighbours("evt_n2");
    CHECK(stage.host().terminate().exit_status == 0);
  }
}

TEST_CASE("fault worker: garbage on its channel ends the worker that wrote it") {
  WorkerStage stage;

  stage.post("evt_1", "poison: garbage");
  stage.checkNeighbours("evt_n1");

  stage.checkBadEnd("evt_1", "interrupted");
  checkNamed(stage, "killed by signal 9 (SIGKILL)", "suspects=evt_1");
  CHECK(stage.logged("module=poison", "it broke the protocol"));
  stage.post("evt_2", "hello");
  CHECK(stage.awaitAnswer("evt_2", "fine: hello"));
  CHECK(stage.host().terminate().exit_status == 0);
}

TEST_CASE("fault worker: what a restart of the host interrupts stays suspect") {
  WorkerStage stage("", "dispatch: {interruptions_max: 2}\n");
  const auto held = stage.platform.hold({.path_prefix = "/search", .nth = 2});
  stage.post("evt_1", "poison: exit");
  REQUIRE(held->waitForArrivals());  // once dead, and now alone
  REQUIRE(stage.restarts() == 1);

  stage.host().kill();
  held->release();
  stage.host().start();

  CHECK(stage.awaitAnswer("evt_1", WorkerStage::kApology));
  CHECK(eventually([&] { return stage.restarts() == 1; }));
  CHECK(stage.countLogged("modules: worker for a suspect ready module=poison") == 2);
  CHECK(eventually([&] { return stage.deadLetters() == 1; }));
}

TEST_SUITE_END();

}  // namespace modhost::host
