// What makes a running host reload.
#include "tests/fault/reload_host.h"

namespace modhost::host {

TEST_SUITE_BEGIN("fault");

TEST_CASE("reload: a file that is renamed into modules_dir is taken up") {
  ReloadHost the;
  the.configure("", "modules_watch: true\n");
  the.start();

  the.bring("v2");

  CHECK(eventually([&] { return the.serving() == 2; }));
  CHECK(the.answers("evt_1", "Hello from v2"));
  CHECK(the.comesToLog("reloaded trigger=modules_dir"));
}

TEST_CASE("reload: a file in modules_dir is left alone when the watch is off until it is on") {
  ReloadHost the;
  the.start();
  the.bring("v2");
  the.configure("", "modules_watch: true\n");
  CHECK(the.answers("evt_1", "Hello from v1"));

  REQUIRE(the.reload());
  CHECK(the.answers("evt_2", "Hello from v2"));
  the.bring("v1");

  CHECK(eventually([&] { return the.serving() == 3; }));
}

TEST_CASE("reload: the command line says what came of it") {
  ReloadHost the;
  the.start();
  const auto ask = [&] {
    return the.host
        .run({"reload", "--admin", "http://127.0.0.1:" + std::to_string(the.host.adminPort())})
        .exit_status;
  };

  CHECK(ask() == 0);
  CHECK(the.host.output().find("no module has changed\n") != std::string::npos);
  the.bring("v2");
  the.configure("", "modules_watch: false\ngate: {threads: 5}\n");
  CHECK(ask() == 0);
  CHECK(the.host.output().find("replaced: reloadable\nneeds a restart: gate.threads\n") !=
        std::string::npos);
  CHECK(the.answers("evt_1", "Hello from v2"));

  the.bring("refuses");
  CHECK(ask() == 2);
  CHECK(the.logged("modhost reload: "));
  CHECK(the.logged("it refused to start: no index here\n"));
  CHECK(the.serving() == 2);
  the.host.terminate();
  CHECK(ask() == 1);
}

TEST_CASE("reload: many asked for at once are one or follow one another") {
  ReloadHost the;
  the.start();
  for (int i = 0; i < 20; ++i) ::kill(the.host.pid(), SIGHUP);
  the.bring("v2");
  for (int i = 0; i < 20; ++i) ::kill(the.host.pid(), SIGHUP);

  CHECK(eventually([&] { return the.serving() == 2; }));
  CHECK(the.answers("evt_1", "Hello from v2"));
  CHECK(the.reloads("refused") == 0);
  CHECK(the.reloads("done") <= 40);
}

TEST_SUITE_END();

}  // namespace modhost::host
