// Modules that are slow to stop, or never do: neither a reload nor the host's own end waits for one
// longer than its grace, and each has its whole grace.
#include "tests/fault/reload_host.h"
#include "tests/support/inbox_books.h"

namespace modhost::host {
namespace {

// Of the tiny modules.
std::string moduleEntry(const std::string& id, const std::string& file, const std::string& more) {
  return "  - {id: " + id + ", path: \"" TINY_MODULES_FOLDER "/" + file + ".so\"" + more + "}\n";
}

std::string inProcess(const std::string& id, const std::string& file,
                      const std::string& more = "") {
  return moduleEntry(id, file, ", isolation: in_process" + more);
}

std::string modules(const std::string& entries) {
  return "modules_watch: false\nworker: {stop_grace: 20s}\nmodules:\n" + entries;
}

constexpr char kRoutes[] =
    "routes:\n  - {event: test.hang, to: hangs}\n  - {event: test.event, to: stop-hangs}\n";

constexpr char kHangEvent[] =
    R"({"id":"evt_hang","event":"test.hang","userId":"1","companyId":"2","payload":{}})";

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("stop hangs: a replaced module that never stops holds up no reload and no end") {
  ReloadHost the;
  const auto held = the.platform.hold({.method = "GET", .path_prefix = "/hang"});
  const std::string hangs =
      moduleEntry("hangs", "hangs", ", timeout: 600s, platform_calls: [\"GET /hang\"]");
  const std::string top = "dispatch: {drain: 1s}\n";
  the.host.configure(top + modules(hangs + inProcess("stop-hangs", "stop_hangs")) + kRoutes);
  the.start();
  REQUIRE(postWebhook(the.host.port(), kHangEvent).status == 200);
  REQUIRE(held->waitForArrivals());

  the.host.configure(
      top + modules(hangs + inProcess("stop-hangs", "stop_hangs", ", concurrency: 2")) + kRoutes);
  REQUIRE(the.reload());
  CHECK(the.comesToLog("its stop() or destroy() has not returned"));
  CHECK(the.comesToLog(
      "generation ended module=stop-hangs version=1.2.3 generation=1 state=\"still mapped\""));
  CHECK(the.metric("modhost_generations_still_mapped") == 1);
  CHECK(the.reload());

  CHECK(the.host.terminate().exit_status == 0);
  CHECK(the.logged("attempt handed back event=evt_hang module=hangs"));
  checkBooks(the.host.file("inbox.db"));
}

TEST_CASE("stop hangs: a new module that is never ready is refused and holds up nothing") {
  ReloadHost the("in_process");
  the.start();
  const std::string good = fileText(the.host.file("modules.yaml"));
  the.host.configure("modules_watch: false\nworker: {start_timeout: 100ms}\nmodules:\n" +
                     inProcess("start-hangs", "start_hangs") + "routes: []\n");

  CHECK(!the.reload());
  CHECK(the.comesToLog("module start-hangs: it was not ready within 100 ms"));
  writeFile(the.host.file("modules.yaml"), good);
  CHECK(the.reload());
  CHECK(the.answers("evt_1", "Hello from v1"));

  CHECK(the.host.terminate().exit_status == 0);
}

TEST_CASE("stop hangs: starts that never end are bounded by still_mapped_max") {
  ReloadHost the("in_process");
  the.start();
  the.host.configure(
      "modules_watch: false\nstill_mapped_max: 1\nworker: {start_timeout: 100ms}\nmodules:\n" +
      inProcess("start-hangs", "start_hangs") + "routes: []\n");

  CHECK(!the.reload());
  CHECK(!the.reload());

  CHECK(the.comesToLog("is still mapped, which is still_mapped_max"));
}

TEST_CASE("stop hangs: a first start that is never ready is one line and exit 2") {
  HostProcess host("http://127.0.0.1:1");
  host.configure("worker: {start_timeout: 100ms}\nmodules:\n" +
                 inProcess("start-hangs", "start_hangs") + "routes: []\n");

  CHECK(host.run({"run"}).exit_status == 2);

  CHECK(host.log().find("it was not ready within 100 ms") != std::string::npos);
}

TEST_CASE("stop hangs: at the end of the host all modules stop at once with their whole grace") {
  ReloadHost the;
  const auto saves = [&](const std::string& id, const std::string& config) {
    return "  - {id: " + id + ", path: \"" RELOAD_MODULES_FOLDER "/" + id + ".so\", config: {" +
           config + "}}\n";
  };
  const std::string first = the.host.file("saved");
  const std::string then = the.host.file("saved_after");
  the.host.configure(modules(inProcess("stop-hangs", "stop_hangs") +
                             saves("saves-after", "file: " + then + ", after: " + first) +
                             saves("saves", "file: " + first)) +
                     "routes: []\n");
  the.start();

  CHECK(the.host.terminate().exit_status == 0);

  CHECK(fileText(first) == "saved");
  CHECK(fileText(then) == "saved");
}

TEST_SUITE_END();

}  // namespace modhost::host
