// A new modules.yaml: taken over whole, or not at all.
#include "tests/fault/reload_host.h"

namespace modhost::host {
namespace {

constexpr char kUserRoute[] = "  - {event: unique.chat.user-message.created, to: message-logger}\n";

std::string loggerFile(const HostProcess& host) { return host.file("messages.jsonl"); }

std::string loggerEntry(const HostProcess& host) {
  return "  - {id: message-logger, path: \"" MODHOST_TEST_MODULES
         "/message-logger.so\", isolation: in_process, config: {file: " +
         loggerFile(host) + "}}\n";
}

std::string replaceText(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

void rewrite(const HostProcess& host, const std::string& what, const std::string& by) {
  const std::string file = host.file("modules.yaml");
  writeFile(file, replaceText(fileText(file), what, by));
}

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("reload: a configuration that is refused changes nothing and says where") {
  ReloadHost the;
  the.start();
  const std::string good = fileText(the.host.file("modules.yaml"));
  const auto refuse = [&](const std::string& yaml, const std::string& why) {
    CAPTURE(why);
    writeFile(the.host.file("modules.yaml"), yaml);
    CHECK(!the.reload());
    const bool said = the.comesToLog(why);
    CHECK_MESSAGE(said, the.host.log());
    CHECK(the.serving() == 1);
  };

  refuse(good + "modules: [\n", "modules.yaml:");
  refuse(replaceText(good, "answers: true", "answer: true"),
         "modules.yaml:11:22: unknown key \\\"modules[0].answer\\\"");
  refuse(replaceText(good, "${UNIQUE_API_KEY}", "${NOT_SET_ANYWHERE}"), "NOT_SET_ANYWHERE");
  refuse(replaceText(good, "isolation: worker", "isolation: worker, config: {greetin: x}"),
         "module reloadable: config");
  refuse(replaceText(good, "isolation: worker", "isolation: worker, platform_calls: [\"GET x\"]"),
         "platform_calls");

  writeFile(the.host.file("modules.yaml"), good);
  CHECK(the.answers("evt_1", "Hello from v1"));
}

TEST_CASE("reload: new settings of a module make a new generation") {
  ReloadHost the;
  the.start();
  the.configure(", config: {greeting: Moin}");

  REQUIRE(the.reload());

  CHECK(the.serving() == 2);
  CHECK(the.answers("evt_1", "Moin from v1"));
}

TEST_CASE("reload: a module and its route appear and go") {
  ReloadHost the;
  the.start();
  const std::string without = fileText(the.host.file("modules.yaml"));
  const std::string with =
      replaceText(without, "routes:\n", loggerEntry(the.host) + "routes:\n") + kUserRoute;
  const auto sendUserMessage = [&](const std::string& id) {
    REQUIRE(postWebhook(the.host.port(), userMessageEventBody(id)).status == 200);
  };
  const auto recorded = [&](const std::string& id) {
    return fileText(loggerFile(the.host)).find(id) != std::string::npos;
  };

  writeFile(the.host.file("modules.yaml"), with);
  REQUIRE(the.reload());
  sendUserMessage("evt_u1");
  CHECK(eventually([&] { return recorded("evt_u1"); }));

  writeFile(the.host.file("modules.yaml"), without);
  REQUIRE(the.reload());
  CHECK(the.status()["modules"].size() == 1);
  sendUserMessage("evt_u2");
  CHECK(eventually([&] { return the.metric("modhost_unrouted_total") == 1; }));

  writeFile(the.host.file("modules.yaml"), with);
  REQUIRE(the.reload());
  sendUserMessage("evt_u3");
  CHECK(eventually([&] { return recorded("evt_u3"); }));
  CHECK(!recorded("evt_u2"));
  CHECK(the.serving() == 1);
}

TEST_CASE(
    "reload: a removed module finishes what runs and its waiting deliveries are dead letters") {
  ReloadHost the("worker", ", concurrency: 1");
  the.start();
  const auto held = the.platform.hold({"POST", "/search/search", 1});
  REQUIRE(the.ask("evt_running") == 200);
  REQUIRE(held->waitForArrivals());
  REQUIRE(the.ask("evt_waiting") == 200);

  the.host.configure("modules: []\nroutes: []\n");
  REQUIRE(the.reload());
  CHECK(eventually([&] { return the.status()["inbox"]["dead"] == 1; }));
  CHECK(eventually([&] { return the.answerTo("evt_waiting").starts_with("Sorry"); }));
  CHECK(the.comesToLog("delivery ended event=evt_waiting module=reloadable"));
  CHECK(the.comesToLog(" attempt=0 end=not_configured"));
  held->release();

  CHECK(eventually([&] { return the.answerTo("evt_running") == "Hello from v1"; }));
  CHECK(eventually([&] { return the.stateOf(1) == "unloaded"; }));
  CHECK(eventually([&] { return the.metric("modhost_workers{module=\"reloadable\"}") == 0; }));
}

TEST_CASE("reload: a signing secret is rotated without a gap") {
  ReloadHost the;
  the.start();
  const auto send = [&](const std::string& id, const std::string& secret) {
    return postWebhook(the.host.port(), chosenEventBody(id), secret).status;
  };
  REQUIRE(send("evt_1", "the-next-secret") == 400);

  rewrite(the.host, "secrets: [\"${UNIQUE_ENDPOINT_SECRET}\"]",
          "secrets: [\"${UNIQUE_ENDPOINT_SECRET}\", the-next-secret]");
  REQUIRE(the.reload());
  CHECK(send("evt_2", "the-next-secret") == 200);
  CHECK(send("evt_3", kTestSecret) == 200);

  rewrite(the.host, "\"${UNIQUE_ENDPOINT_SECRET}\", ", "");
  REQUIRE(the.reload());
  CHECK(send("evt_4", "the-next-secret") == 200);
  CHECK(send("evt_5", kTestSecret) == 400);
  CHECK(!the.logged("the-next-secret"));
  CHECK(the.serving() == 1);
}

TEST_CASE("reload: what waits for a restart is named and the rest applies") {
  ReloadHost the;
  the.start();
  CHECK(!the.logged("DEBUG"));
  the.configure(", config: {greeting: Moin}",
                "modules_watch: false\ngate: {threads: 5}\ndispatch: {drain: 7s}\n");
  rewrite(the.host, "log: {format: text}", "log: {format: text, level: debug}");
  rewrite(the.host, "listen: 127.0.0.1:0", "listen: 127.0.0.1:1");

  REQUIRE(the.reload());

  CHECK(the.comesToLog("needs a restart: listen, gate.threads, dispatch.drain\n"));
  CHECK(the.answers("evt_1", "Moin from v1"));
  CHECK(the.comesToLog("stored event=evt_1"));
}

TEST_SUITE_END();

}  // namespace modhost::host
