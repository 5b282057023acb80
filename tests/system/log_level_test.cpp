// Log levels that an operator sets in a running host: its workers' lines begin and stop, and a reload
// sets the configured levels again.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/events.h"
#include "tests/support/host_process.h"
#include "tests/support/recording_platform.h"

namespace modhost::host {
namespace {

struct LogLevelHost {
  explicit LogLevelHost(const std::string& isolation) : host(platform.apiBase()) {
    host.configure("modules: [{id: says-debug, path: \"" MODHOST_TEST_SAYS_DEBUG "\", isolation: " +
                   isolation +
                   "}]\n"
                   "routes: [{event: \"*\", to: says-debug}]\n");
    host.start();
  }

  // How often the module's debug line stands in the log once the module has handled one event more:
  // what it said of that event is written before its outcome is.
  std::size_t linesAfterEvent() {
    const std::string id = "evt_" + std::to_string(++events);
    REQUIRE(postWebhook(host.port(), chosenEventBody(id)).status == 200);
    const std::string done = "\"done\":" + std::to_string(events);
    REQUIRE(eventually([&] {
      return httpGet(host.adminPort(), "/api/v1/status").body.find(done) != std::string::npos;
    }));
    return linesWith("thinking aloud");
  }

  std::size_t linesWith(const std::string& words) const {
    const std::string log = host.log();
    std::size_t count = 0;
    for (std::size_t at = log.find(words); at != std::string::npos; at = log.find(words, at + 1)) {
      ++count;
    }
    return count;
  }

  int command(std::vector<std::string> words) {
    words.insert(words.end(), {"--admin", "http://127.0.0.1:" + std::to_string(host.adminPort())});
    return host.run(words).exit_status;
  }

  RecordingPlatform platform;
  HostProcess host;
  int events = 0;
};

}  // namespace

TEST_SUITE_BEGIN("system");

TEST_CASE("log level: a running module's debug lines begin and stop when an operator says so") {
  std::string isolation;
  SUBCASE("in a worker") { isolation = "worker"; }
  SUBCASE("in process") { isolation = "in_process"; }
  LogLevelHost on(isolation);
  const std::vector<pid_t> workers = on.host.children();
  CHECK(on.linesAfterEvent() == 0);

  REQUIRE(on.command({"log-level", "debug", "--module", "says-debug"}) == 0);
  CHECK(on.linesAfterEvent() == 1);
  CHECK(on.linesWith("log level changed module=says-debug level=debug was=info") == 1);
  CHECK(on.linesWith("debug inbox: ") == 0);  // of the others nothing

  REQUIRE(on.command({"log-level", "error", "--module", "says-debug"}) == 0);
  CHECK(on.linesAfterEvent() == 1);
  REQUIRE(on.command({"log-level", "--reset"}) == 0);
  REQUIRE(on.command({"log-level", "debug"}) == 0);
  CHECK(on.linesAfterEvent() == 2);

  REQUIRE(on.command({"reload"}) == 0);
  CHECK(on.linesAfterEvent() == 2);
  CHECK(on.host.children() == workers);
}

TEST_CASE("log level: the command shows what is in force and refuses what is none") {
  LogLevelHost on("worker");

  REQUIRE(on.command({"log-level"}) == 0);
  CHECK(on.host.output().find("MODULE      LEVEL  FROM\n"
                              "(all)       info   configured\n"
                              "says-debug  info   that of all\n") != std::string::npos);
  REQUIRE(on.command({"log-level", "error"}) == 0);
  CHECK(on.host.output().find("(all)       error  set by hand\n") != std::string::npos);
  CHECK(on.host.output().find("until the next reload or restart") != std::string::npos);
  CHECK(on.linesWith("log level changed level=error was=info") == 1);

  CHECK(on.command({"log-level", "loud"}) == 2);
  CHECK(on.command({"log-level", "--module", "says-debug"}) == 2);
  CHECK(on.command({"log-level", "debug", "--reset"}) == 2);
  CHECK(on.command({"log-level", "debug", "--module", "other"}) == 1);
  CHECK(on.linesWith("which does not serve; accepted: says-debug") == 1);
}

TEST_SUITE_END();

}  // namespace modhost::host
