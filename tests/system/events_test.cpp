// What an operator does after something failed: list, show, replay, drop; by the real binary's
// command line against the real binary's admin port.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/system/main_job.h"
#include "tests/unit/ingress/raw_client.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

// One run of a subcommand. stderr also holds what the host logged meanwhile.
struct Said {
  int exit_status = -1;
  std::string out;
  std::string err;

  bool has(const std::string& words) const { return out.find(words) != std::string::npos; }
  bool complains(const std::string& words) const { return err.find(words) != std::string::npos; }
};

Said ask(HostProcess& host, Words words) {
  const std::size_t out = host.output().size();
  const std::size_t err = host.log().size();
  words.insert(words.end(), {"--admin", "http://127.0.0.1:" + std::to_string(host.adminPort())});
  const int exit_status = host.run(words).exit_status;
  return {exit_status, host.output().substr(out), host.log().substr(err)};
}

Said events(HostProcess& host, Words words) {
  words.insert(words.begin(), "events");
  return ask(host, std::move(words));
}

std::int64_t dead(const HostProcess& host) {
  const HttpAnswer answer = httpGet(host.adminPort(), "/api/v1/status");
  return Json::parse(answer.body).at("inbox").at("dead").get<std::int64_t>();
}

// A host whose rag-responder fails on every event, with `count` dead letters evt_1, evt_2 …
void failEvents(HostProcess& host, RecordingPlatform& platform, int count) {
  platform.script({.method = "POST", .path_prefix = "/search"},
                  {.status = 400, .body = R"({"error":"index offline"})"});
  host.configure("admin_show_bodies: true\n" + mainJobModules(host, "worker"));
  host.start();
  for (int n = 1; n <= count; ++n) {
    REQUIRE(postWebhook(host.port(), chosenEventBody("evt_" + std::to_string(n))).status == 200);
  }
  REQUIRE(eventually([&] { return dead(host) == count; }));
}

void replaceIn(const std::string& file, const std::string& what, const std::string& by) {
  std::string text = fileText(file);
  text.replace(text.find(what), what.size(), by);
  writeFile(file, text);
}

}  // namespace

TEST_SUITE_BEGIN("system");

TEST_CASE("events: a dead letter is listed and shown and answered after its cause was mended") {
  RecordingPlatform platform;
  platform.setCompletion("Answered after all.");
  HostProcess host(platform.apiBase());
  host.configure(mainJobModules(host, "worker"));
  failEvents(host, platform, 1);

  const Said listed = events(host, {"list"});
  CHECK(listed.exit_status == 0);
  CHECK(listed.has("MODULE"));
  CHECK(listed.has("evt_1"));
  CHECK(listed.has("rag-responder"));
  CHECK(listed.has("failed"));

  const Said shown = events(host, {"show", "evt_1"});
  CHECK(shown.exit_status == 0);
  CHECK(shown.has("unique.chat.external-module.chosen"));
  CHECK(shown.has("attempt  1, "));
  CHECK(shown.has("400"));
  CHECK(shown.has("answer   apologised"));
  CHECK(shown.has("step     "));
  CHECK_FALSE(shown.has("Which fees apply?"));
  CHECK(events(host, {"show", "evt_1", "--body"}).has("Which fees apply?"));

  platform.clearScripts();
  const Said replayed = events(host, {"replay", "evt_1"});
  CHECK(replayed.exit_status == 0);
  CHECK(replayed.has("replayed 1"));
  CHECK(platform.waitFor([&] { return answered(platform, "evt_1", "Answered after all."); }));
  CHECK(eventually([&] { return dead(host) == 0; }));

  const Said empty = events(host, {"list"});
  CHECK(empty.exit_status == 0);
  CHECK(empty.has("no dead letters"));
  CHECK(events(host, {"replay", "evt_1"}).exit_status == 1);
}

TEST_CASE("events: JSON is for machines and says the same") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  failEvents(host, platform, 2);

  const Json listed = Json::parse(events(host, {"list", "--json", "--limit", "1"}).out);
  CHECK(listed["events"].size() == 1);
  CHECK(listed["events"][0]["deliveries"][0]["end"] == "failed");
  CHECK(listed.contains("next"));
  CHECK(Json::parse(events(host, {"list", "--json", "--all"}).out)["events"].size() == 2);

  const Json story = Json::parse(events(host, {"show", "evt_2", "--json"}).out);
  CHECK(story["deliveries"][0]["records"].size() == 1);

  const Json dropped = Json::parse(events(host, {"drop", "evt_1", "evt_2", "--json"}).out);
  CHECK(dropped["dropped"].size() == 2);
  CHECK(dropped["failed"].empty());
  CHECK(dead(host) == 0);
}

TEST_CASE("events: many are replayed by filter and dropping many asks for yes") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  failEvents(host, platform, 3);

  CHECK(events(host, {"replay", "--module", "message-logger"}).has("no dead letters match"));
  CHECK(events(host, {"replay"}).exit_status == 2);
  CHECK(events(host, {"replay", "--older-than", "soon"}).exit_status == 1);
  const Said unsure = events(host, {"drop", "--all"});
  CHECK(unsure.exit_status == 2);
  CHECK(unsure.complains("--yes"));
  CHECK(dead(host) == 3);
  CHECK(events(host, {"drop", "evt_1"}).has("dropped 1"));

  platform.clearScripts();
  const Said replayed = events(
      host, {"replay", "--module", "rag-responder", "--end", "failed", "--newer-than", "1d"});
  CHECK(replayed.exit_status == 0);
  CHECK(replayed.has("replayed 2"));
  CHECK(platform.waitFor([&] {
    const auto second = platform.message("msg_a_evt_2");
    const auto third = platform.message("msg_a_evt_3");
    return second && third && second->text != kApology && third->text != kApology;
  }));
  CHECK(eventually([&] { return dead(host) == 0; }));
  CHECK(platform.message("msg_a_evt_1")->text == kApology);
}

TEST_CASE("events: a body that is no event is seen and dropped") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.configure("admin_show_bodies: true\n" + mainJobModules(host, "worker"));
  host.start();
  REQUIRE(postWebhook(host.port(), "no event at all").status == 200);

  const Said listed = events(host, {"list", "--module", "(parked)"});
  CHECK(listed.has("(parked)"));
  CHECK(listed.has("rejected"));
  CHECK(events(host, {"show", "1", "--body"}).has("no event at all"));
  const Said replayed = events(host, {"replay", "1", "--to", "rag-responder"});
  CHECK(replayed.exit_status == 1);
  CHECK(replayed.complains("its body is no event"));

  CHECK(events(host, {"drop", "--module", "(parked)", "--yes"}).has("dropped 1"));
  CHECK(events(host, {"list"}).has("no dead letters"));
}

TEST_CASE("events: what no route wanted is given to a module later") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  const std::string unrouted = "dispatch: {unrouted: dead_letter}\n";
  host.configure(unrouted + "modules:\n  - {id: message-logger, config: {file: " +
                 host.file("messages.jsonl") + "}}\n");
  host.start();
  REQUIRE(postWebhook(host.port(), chosenEventBody("evt_1")).status == 200);
  CHECK(events(host, {"list"}).has("(unrouted)"));
  REQUIRE(host.terminate().exit_status == 0);

  host.configure(unrouted +
                 "modules:\n  - {id: echo, answers: true}\n"
                 "routes:\n  - {event: unique.chat.external-module.chosen, to: echo}\n");
  host.start();
  const Said without = events(host, {"replay", "evt_1"});
  CHECK(without.exit_status == 1);
  CHECK(without.complains("\"to\" with one or more of echo"));
  CHECK(events(host, {"replay", "evt_1", "--to", "nobody"}).complains("accepted: echo"));
  CHECK(events(host, {"replay", "evt_1", "--to", "echo"}).has("replayed 1"));

  CHECK(
      platform.waitFor([&] { return answered(platform, "evt_1", "You said: Which fees apply?"); }));
}

TEST_CASE("events: a POST without the action header or from another page changes nothing") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  failEvents(host, platform, 1);
  const auto post = [&](const std::string& headers) {
    RawClient client(host.adminPort());
    client.send("POST /api/v1/events/evt_1/drop HTTP/1.1\r\n" + headers +
                "Content-Length: 2\r\n\r\n{}");
    return client.receive();
  };
  const std::string here = "Host: 127.0.0.1:" + std::to_string(host.adminPort()) + "\r\n";

  const Response formed = post(here + "Content-Type: application/x-www-form-urlencoded\r\n");
  CHECK(formed.code() == 403);
  CHECK(Json::parse(formed.body).at("error").get<std::string>().find("X-Modhost-Action") !=
        std::string::npos);
  CHECK(post("Host: rebound.example\r\nX-Modhost-Action: 1\r\n").code() == 403);
  CHECK(post(here + "X-Modhost-Action: 1\r\nOrigin: http://evil.example\r\n").code() == 403);
  CHECK(dead(host) == 1);
  CHECK(post(here + "X-Modhost-Action: 1\r\n").code() == 200);
  CHECK(dead(host) == 0);
}

TEST_CASE("events: the token of the configuration lets the command line in") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.configure("admin_token: \"${MODHOST_ADMIN_TOKEN:-}\"\n" + mainJobModules(host, "worker"));
  host.setVariable("MODHOST_ADMIN_TOKEN", "0123456789abcdef0123");
  host.start();

  CHECK(httpGet(host.adminPort(), "/api/v1/events").status == 401);
  CHECK(httpGet(host.adminPort(), "/healthz").status == 200);
  CHECK(httpGet(host.adminPort(), "/readyz").status == 200);
  CHECK(events(host, {"list"}).has("no dead letters"));
  const Said wrong = events(host, {"list", "--token-env", "NOT_SET"});
  CHECK(wrong.exit_status == 1);
  CHECK(wrong.complains("admin_token"));
  CHECK(host.log().find("0123456789abcdef0123") == std::string::npos);
}

TEST_CASE("events: an admin port that others can reach is refused without a token in one line") {
  HostProcess host("http://127.0.0.1:1");
  host.configure("");
  replaceIn(host.file("modules.yaml"), "admin: 127.0.0.1:0", "admin: 0.0.0.0:0");

  CHECK(host.run({"run"}).exit_status == 2);

  const std::string log = host.log();
  CHECK(log.find("no admin_token") != std::string::npos);
  CHECK(log.find('\n') == log.size() - 1);
}

TEST_CASE("events: a host that is not there ends with 1 and a hint") {
  HostProcess host("http://127.0.0.1:1");
  host.configure("");

  CHECK(host.run({"events", "list", "--admin", "http://127.0.0.1:1"}).exit_status == 1);
  CHECK(host.log().find("is `modhost run` up?") != std::string::npos);
  CHECK(host.run({"status"}).exit_status == 2);
  CHECK(host.log().find("port 0") != std::string::npos);
}

TEST_CASE("status: modules and inbox are shown for people and for machines") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  failEvents(host, platform, 1);
  platform.clearScripts();
  const auto held = platform.hold({.method = "POST", .path_prefix = "/search"});
  REQUIRE(postWebhook(host.port(), chosenEventBody("evt_2")).status == 200);
  REQUIRE(held->waitForArrivals());

  const Said people = ask(host, {"status"});
  CHECK(people.exit_status == 0);
  CHECK(people.has("modhost " MODHOST_VERSION ", up "));
  CHECK(people.has("dead 1"));
  CHECK(people.has("modhost events list says why"));
  CHECK(people.has("rag-responder"));
  CHECK(people.has("worker"));

  const Json machines = Json::parse(ask(host, {"status", "--json"}).out);
  CHECK(machines["modules"][0]["id"] == "rag-responder");
  CHECK(machines["modules"][0]["isolation"] == "worker");
  CHECK(machines["modules"][0]["running"] == 1);
  CHECK(machines["modules"][1]["running"] == 0);
  held->release();
}

TEST_SUITE_END();

}  // namespace modhost::host
