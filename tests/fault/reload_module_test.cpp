// A new file of a module: the new generation serves, the old one finishes what it had, and whatever is
// wrong with the new one leaves the old one as it was.
#include "tests/fault/enough_time.h"
#include "tests/fault/reload_host.h"

namespace modhost::host {
namespace {

void checkNewFileServesBesideTheOld(const std::string& isolation) {
  ReloadHost the(isolation);
  the.start();
  const auto held = the.platform.hold({"POST", "/search/search", 1});
  REQUIRE(the.ask("evt_old") == 200);
  REQUIRE(held->waitForArrivals());

  the.bring("v2");
  REQUIRE(the.reload());
  CHECK(the.answers("evt_new", "Hello from v2"));
  CHECK(the.serving() == 2);
  CHECK(the.stateOf(1) == "draining");
  CHECK(the.metric("modhost_generations_draining") == 1);
  CHECK(the.answerTo("evt_old").empty());
  held->release();

  CHECK(eventually([&] { return the.answerTo("evt_old") == "Hello from v1"; }));
  CHECK(eventually([&] { return the.ended(1); }));
  CHECK(
      the.comesToLog("generation ended module=reloadable version=v1 generation=1 state=" +
                     std::string(the.stateOf(1) == "unloaded" ? "unloaded" : "\"still mapped\"")));
  CHECK(eventually([&] { return the.metric("modhost_generations_draining") == 0; }));
  CHECK(the.metric("modhost_workers{module=\"reloadable\"}") == (isolation == "worker" ? 1 : -1));
  CHECK(the.host.terminate().exit_status == 0);
}

// Each leaves the first generation serving, and `why` in the log's one line about it.
void checkRefused(ReloadHost& the, const std::string& why) {
  CAPTURE(why);
  CHECK(!the.reload());
  const bool said = the.comesToLog(why);
  CHECK_MESSAGE(said, the.host.log());
  CHECK(the.serving() == 1);
}

// False: the deadline was over before the reload.
bool checkStuckGenerationGoes(const std::string& timeout) {
  ReloadHost the("worker", ", timeout: " + timeout);
  the.start();
  const auto held = the.platform.hold({"POST", "/search/search", 1});
  REQUIRE(the.ask("evt_stuck") == 200);
  REQUIRE(eventually([&] { return held->arrived() > 0 || !the.answerTo("evt_stuck").empty(); }));

  the.bring("v2");
  REQUIRE(the.reload());
  if (the.stateOf(1) != "draining") return false;

  CHECK(the.answers("evt_1", "Hello from v2"));
  CHECK(eventually([&] { return the.ended(1); }));
  CHECK(eventually([&] { return the.answerTo("evt_stuck").starts_with("Sorry"); }));
  return true;
}

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("reload: a new file answers in a worker while the old one finishes") {
  checkNewFileServesBesideTheOld("worker");
}

TEST_CASE("reload: a new file answers in process while the old one finishes") {
  checkNewFileServesBesideTheOld("in_process");
}

TEST_CASE("reload: code that can be unloaded is said to be unloaded and its copy goes") {
  ReloadHost the("in_process");
  the.start();
  the.bring("v2");
  REQUIRE(the.reload());
  REQUIRE(eventually([&] { return the.ended(1); }));

  // The sanitizers keep code mapped, so that they can name it.
  const bool unloaded = the.stateOf(1) == "unloaded";
  const std::string maps = fileText("/proc/" + std::to_string(the.host.pid()) + "/maps");
  int copies = 0;
  for (const auto& entry : std::filesystem::directory_iterator(the.host.file("run"))) {
    if (entry.path().filename().string().starts_with("reloadable-")) ++copies;
  }
  CHECK(copies == (unloaded ? 1 : 2));
  CHECK(the.metric("modhost_generations_still_mapped") == (unloaded ? 0 : 1));
  CHECK(the.answers("evt_1", "Hello from v2"));
}

TEST_CASE("reload: an unchanged module keeps its generation and its process") {
  ReloadHost the;
  the.start();

  CHECK(the.reload());

  CHECK(the.serving() == 1);
  CHECK(the.status()["generations"].empty());
  CHECK(the.answers("evt_1", "Hello from v1"));
}

TEST_CASE("reload: a worker's copy that was deleted is made again") {
  ReloadHost the("worker");
  the.start();
  int deleted = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(the.host.file("run"))) {
    if (entry.path().filename().string().starts_with("reloadable")) {
      deleted += std::filesystem::remove(entry.path()) ? 1 : 0;
    }
  }
  REQUIRE(deleted == 1);

  CHECK(the.reload());

  CHECK(the.serving() == 2);
  CHECK(the.answers("evt_1", "Hello from v1"));
}

TEST_CASE("reload: whatever is wrong with a new file leaves the old one serving") {
  ReloadHost the;
  the.start();

  the.bring("refuses");
  checkRefused(the, "module reloadable: it refused to start: no index here");
  the.bring("dies");
  checkRefused(the, "module reloadable: its worker ended before it was ready");
  the.bringFile(TINY_MODULES_FOLDER "/wrong_major.so");
  checkRefused(the, "needs ABI 2.0");
  const std::string garbage = the.host.file("garbage");
  writeFile(garbage, "not a module");
  the.bringFile(garbage);
  checkRefused(the, "modules/reloadable.so");
  std::filesystem::remove(the.host.file("modules") + "/reloadable.so");
  checkRefused(the, "not found");

  CHECK(the.answers("evt_1", "Hello from v1"));
  CHECK(the.reloads("refused") == 5);
  the.bring("v2");
  CHECK(the.reload());
  CHECK(the.answers("evt_2", "Hello from v2"));
}

TEST_CASE(
    "reload: a stuck old generation keeps nobody from the new one and is gone at its deadline") {
  withEnoughTime(checkStuckGenerationGoes);
}

TEST_CASE("reload: one that runs does not keep a stop waiting for long and loses nothing") {
  ReloadHost the;
  the.start();
  const auto held = the.platform.hold({"POST", "/search/search", 1});
  REQUIRE(the.ask("evt_1") == 200);
  REQUIRE(held->waitForArrivals());
  the.bring("v2");
  ::kill(the.host.pid(), SIGHUP);
  ::kill(the.host.pid(), SIGTERM);
  held->release();

  CHECK(the.host.wait().exit_status == 0);  // a second signal would hand the answer back
  CHECK(the.answerTo("evt_1").starts_with("Hello from v"));
}

TEST_SUITE_END();

}  // namespace modhost::host
