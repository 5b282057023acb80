// The main job when the platform misbehaves: whatever fails, open steps end FAILED, the apology
// stands, and the log says why without key or message text.
#include <doctest/doctest.h>

#include "tests/system/main_job.h"

namespace modhost::host {
namespace {

struct Failure {
  const char* name;
  CallMatch match;
};

// The seven calls; 1, 3, 4, 6 and 7 are told apart by which of their kind they are.
std::vector<Failure> sevenCalls() {
  return {{"create of step 1", {.method = "POST", .path_prefix = "/message-log", .nth = 1}},
          {"search", {.method = "POST", .path_prefix = "/search"}},
          {"completion of step 1", {.method = "PATCH", .path_prefix = "/message-log", .nth = 1}},
          {"create of step 2", {.method = "POST", .path_prefix = "/message-log", .nth = 2}},
          {"chat completion", {.method = "POST", .path_prefix = "/openai"}},
          {"completion of step 2", {.method = "PATCH", .path_prefix = "/message-log", .nth = 2}},
          {"answer", {.method = "PATCH", .path_prefix = "/messages", .nth = 1}}};
}

void checkClosed(const RecordingPlatform& platform, const std::string& event_id) {
  CHECK(answered(platform, event_id, kApology));
  for (const MessageLogRow& row : platform.rows()) {
    CAPTURE(row.text);
    CHECK(row.statuses.back() != "RUNNING");
  }
}

void checkQuietLog(const HostProcess& host) {
  const std::string log = host.log();
  CHECK(log.find("key-of-the-test") == std::string::npos);
  CHECK(log.find("Which fees apply?") == std::string::npos);
  CHECK(log.find(kTestSecret) == std::string::npos);
}

// One event against a platform where one call goes wrong for good.
void checkFailure(const std::string& isolation, const CallMatch& match, const CallScript& script) {
  RecordingPlatform platform;
  platform.script(match, script);
  HostProcess host(platform.apiBase());
  host.configure(mainJobModules(host, isolation));
  host.start();

  REQUIRE(postWebhook(host.port(), chosenEventBody("evt_1")).status == 200);

  CHECK(platform.waitFor([&] { return answered(platform, "evt_1"); }));
  CHECK(host.terminate().exit_status == 0);
  checkClosed(platform, "evt_1");
  CHECK(host.log().find("evt_1") != std::string::npos);
  checkQuietLog(host);
}

}  // namespace

TEST_SUITE_BEGIN("system");

TEST_CASE("main job: a refusal of any of the seven calls ends in failed steps and an apology") {
  for (const std::string isolation : {"worker", "in_process"}) {
    for (const Failure& failure : sevenCalls()) {
      CAPTURE(isolation);
      CAPTURE(failure.name);
      checkFailure(isolation, failure.match, {.status = 400, .body = R"({"error":"no"})"});
    }
  }
}

TEST_CASE("main job: garbage from upstream ends in failed steps and an apology") {
  const CallMatch search = {.method = "POST", .path_prefix = "/search"};
  const CallMatch completion = {.method = "POST", .path_prefix = "/openai"};
  checkFailure("worker", search,
               {.status = 200, .body = "<html>busy</html>", .content_type = "text/html"});
  checkFailure("worker", search, {.status = 200, .body = R"([{"text":null}])"});
  checkFailure("worker", search, {.status = 200, .body = std::string(100'000, '[')});
  checkFailure("worker", completion, {.status = 200, .body = R"({"choices":[]})"});
  checkFailure("worker", completion,
               {.status = 200, .body = R"({"choices":[{"message":{"content":null}}]})"});
  checkFailure("in_process", completion, {.status = 502, .body = "<html>Bad Gateway</html>"});
  checkFailure("in_process", search, {.cut = CallScript::Cut::kMidReply});
}

TEST_CASE("main job: a passing 5xx is tried again and the answer stands") {
  RecordingPlatform platform;
  platform.script({.method = "POST", .path_prefix = "/openai", .nth = 1}, {.status = 503});
  platform.setCompletion("Second try.");
  HostProcess host(platform.apiBase());
  host.configure(mainJobModules(host, "worker") + "dispatch: {stop_poll: 0}\n");
  host.start();

  REQUIRE(postWebhook(host.port(), chosenEventBody("evt_1")).status == 200);

  CHECK(platform.waitFor([&] { return answered(platform, "evt_1", "Second try."); }));
  CHECK(platform.callCount() == 8);
}

TEST_CASE("main job: a module past its deadline is fenced and the chat is closed") {
  for (const std::string isolation : {"worker", "in_process"}) {
    CAPTURE(isolation);
    RecordingPlatform platform;
    const auto held = platform.hold({.method = "POST", .path_prefix = "/openai"});
    HostProcess host(platform.apiBase());
    host.configure(mainJobModules(host, isolation, "500ms"));
    host.start();

    REQUIRE(postWebhook(host.port(), chosenEventBody("evt_1")).status == 200);

    CHECK(platform.waitFor([&] { return answered(platform, "evt_1", kApology); }));
    held->release();
    CHECK(host.terminate().exit_status == 0);
    checkClosed(platform, "evt_1");
  }
}

TEST_SUITE_END();

}  // namespace modhost::host
