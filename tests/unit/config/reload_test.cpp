// Which settings a running host takes anew, and which wait for a restart.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "host/config/keys.h"
#include "tests/unit/config/config_file.h"

namespace modhost::host {
namespace {

using Paths = std::vector<std::string>;

// Two states of one file: its folder, and so every path, is the same.
struct States {
  Settings running, next;
};

States statesOf(const std::string& first, const std::string& then) {
  const ConfigFile file(first);
  States states;
  states.running = file.load();
  file.write("modules.yaml", then);
  states.next = file.load();
  return states;
}

Settings::Module moduleFrom(const std::string& entry) {
  return loaded(minimal("modules:\n  - " + entry + "\n")).modules.front();
}

}  // namespace

TEST_SUITE_BEGIN("config");

TEST_CASE("reload: what cannot change while running keeps its value and is named") {
  auto [running, next] =
      statesOf(minimal("listen: 127.0.0.1:1\ngate: {threads: 4}\n"),
               minimal("listen: 127.0.0.1:2\nadmin: \"off\"\ngate: {threads: 5}\n"
                       "log: {level: debug}\n"));

  CHECK(keepUntilRestart(running, next) == Paths{"listen", "admin", "gate.threads"});

  CHECK(next.listen_port == 1);
  CHECK(next.admin_enabled);
  CHECK(next.gate.threads == 4);
  CHECK(next.log.level == "debug");
}

TEST_CASE("reload: with nothing but reloadable changes nothing waits for a restart") {
  auto [running, next] = statesOf(minimal(),
                                  "webhook: {secrets: [an0ther], tolerance: 5s}\n"
                                  "platform: {api_key: k3y-for-tests, app_id: app}\n"
                                  "modules: [{id: a}]\n");

  CHECK(keepUntilRestart(running, next).empty());
  REQUIRE(next.webhook.secrets.size() == 1);
  CHECK(next.webhook.secrets[0].text == "an0ther");
}

TEST_CASE("reload: a module is the same wherever in the file it stands") {
  const Settings::Module first = moduleFrom("{id: a, config: {x: 1}}");
  const Settings::Module moved =
      loaded(minimal("modules:\n\n  # moved\n  - {id: a, config: {x: 1}}\n")).modules.front();

  CHECK(first.where != moved.where);
  CHECK(first.path != moved.path);  // each of these files stands in a folder of its own
  Settings::Module here = moved;
  here.path = first.path;
  CHECK(sameModule(first, here));
}

TEST_CASE("reload: every setting of a module makes it another one") {
  const Settings::Module module = moduleFrom("{id: a, path: /m/a.so}");
  CHECK(sameModule(module, moduleFrom("{id: a, path: /m/a.so}")));

  for (const char* more :
       {"timeout: 5s", "concurrency: 2", "isolation: in_process", "answers: true", "order_by: chat",
        "retry: {attempts: 2}", "config: {x: 1}", "platform_calls: [\"GET /x\"]"}) {
    CAPTURE(more);
    CHECK(!sameModule(module, moduleFrom(std::string("{id: a, path: /m/a.so, ") + more + "}")));
  }
  CHECK(!sameModule(module, moduleFrom("{id: a, path: /m/b.so}")));
}

TEST_CASE("reload: another log level leaves a module as it is") {
  const Settings::Module module = moduleFrom("{id: a, path: /m/a.so}");
  CHECK(sameModule(module, moduleFrom("{id: a, path: /m/a.so, log_level: trace}")));
}

TEST_CASE("reload: the reference says of every key when it applies") {
  const std::string reference = settingsReference();
  CHECK(reference.find("| `listen` | host:port | `0.0.0.0:8080` |  | restart |") !=
        std::string::npos);
  CHECK(reference.find("| `secrets` | list of secrets | **required** | 1 to 8 | reload |") !=
        std::string::npos);
  CHECK(reference.find("| `timeout` | duration | `0` | 0 to 1d | reload |") != std::string::npos);
}

TEST_SUITE_END();

}  // namespace modhost::host
