// The user presses stop while the answer is being made: the module hears of it, its own last words
// stand, its steps are closed, and the host writes nothing.
#include "tests/fault/scripted.h"

namespace modhost::host {
namespace {

using Texts = std::vector<std::string>;

constexpr char kQuickPolls[] = "dispatch: {stop_poll: 20ms}\n";
constexpr char kMessage[] = "msg_a_evt_1";

// One event whose module waits, stopped by the user.
struct StoppedChat {
  StoppedChat(const std::string& isolation, const std::string& script, const std::string& more = "")
      : host(platform.apiBase()) {
    host.configure(scriptedAnswers(isolation, more) + kQuickPolls);
    host.start();
    REQUIRE(postWebhook(host.port(), chosenEventBody("evt_1", script)).status == 200);
    REQUIRE(platform.waitFor([&] { return platform.callCount("GET", "/messages/") >= 2; }));
    REQUIRE(eventually([&] { return host.log().find("waiting now") != std::string::npos; }));
    platform.pressStop(kMessage);
  }
  void checkStopped(const Texts& written) {
    CHECK(eventually([&] { return ended(host, "stopped", 1); }));
    CHECK(eventually([&] {
      return httpGet(host.adminPort(), "/status").body.find("\"done\":1") != std::string::npos;
    }));
    CHECK(writtenTexts(platform, "evt_1") == written);
    for (const MessageLogRow& row : rowsOf(platform, "evt_1")) {
      CHECK(row.statuses == Texts{"RUNNING", "FAILED"});
    }
    CHECK(host.log().find("the user pressed stop") != std::string::npos);
    CHECK(host.terminate().exit_status == 0);
  }

  RecordingPlatform platform;
  HostProcess host;
};

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("stop: the module is told and the host writes nothing however it ends") {
  for (const std::string isolation : {"worker", "in_process"}) {
    for (const std::string last : {"ok", "fail", "throw", "reject", "skip", "retry"}) {
      CAPTURE(isolation);
      CAPTURE(last);
      StoppedChat chat(isolation, "step wait " + last, ", retry: {attempts: 3, backoff: 1ms}");

      chat.checkStopped({});

      CHECK(rowsOf(chat.platform, "evt_1").size() == 1);
    }
  }
}

TEST_CASE("stop: what the module has of the answer it may still write") {
  for (const std::string isolation : {"worker", "in_process"}) {
    CAPTURE(isolation);
    StoppedChat chat(isolation, "step wait answer fail");

    chat.checkStopped({"Partial or whole."});
  }
}

TEST_CASE("stop: a module that does not listen is ended at its deadline without an apology") {
  StoppedChat chat("worker", "step hang", ", timeout: 10s");

  chat.checkStopped({});
}

TEST_CASE("stop: a worker that dies of it is not given the delivery again") {
  StoppedChat chat("worker", "step wait die");

  chat.checkStopped({});

  CHECK(rowsOf(chat.platform, "evt_1").size() == 1);
}

TEST_CASE("stop: a stop is found after the host was killed and the module hears of it at once") {
  RecordingPlatform platform;
  const auto held = platform.hold({.method = "POST", .path_prefix = "/search/search-string"});
  HostProcess host(platform.apiBase());
  host.configure(scriptedAnswers("worker") + kQuickPolls);
  host.start();
  REQUIRE(postWebhook(host.port(), chosenEventBody("evt_1", "step search wait fail")).status ==
          200);
  REQUIRE(held->waitForArrivals());  // so the step's row is in the ledger
  host.kill();
  held->release();
  platform.pressStop(kMessage);

  host.start();

  CHECK(eventually([&] { return ended(host, "stopped", 1); }));
  CHECK(writtenTexts(platform, "evt_1").empty());
  const auto rows = rowsOf(platform, "evt_1");
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].statuses.back() == "FAILED");
}

TEST_CASE("stop: one that came too late for the polls still keeps the apology away") {
  RecordingPlatform platform;
  const auto held = platform.hold({.method = "POST", .path_prefix = "/search/search-string"});
  HostProcess host(platform.apiBase());
  host.configure(scriptedAnswers("worker") + "dispatch: {stop_poll: 0}\n");
  host.start();
  REQUIRE(postWebhook(host.port(), chosenEventBody("evt_1", "step search fail")).status == 200);
  REQUIRE(held->waitForArrivals());
  platform.pressStop(kMessage);

  held->release();

  CHECK(eventually([&] { return ended(host, "failed", 1); }));
  CHECK(writtenTexts(platform, "evt_1").empty());
  CHECK(noneRuns(rowsOf(platform, "evt_1")));
}

TEST_CASE("stop: polls that fail are counted and change nothing") {
  RecordingPlatform platform;
  platform.script({.method = "GET", .path_prefix = "/messages/"}, {.status = 503});
  const auto held = platform.hold({.method = "POST", .path_prefix = "/search/search-string"});
  HostProcess host(platform.apiBase());
  host.configure(scriptedAnswers("worker") + kQuickPolls);
  host.start();
  REQUIRE(postWebhook(host.port(), chosenEventBody("evt_1", "search answer")).status == 200);
  REQUIRE(platform.waitFor([&] { return platform.callCount("GET", "/messages/") >= 3; }));

  held->release();

  CHECK(eventually([&] { return ended(host, "ok", 1); }));
  CHECK(writtenTexts(platform, "evt_1") == Texts{"Partial or whole."});
  CHECK_FALSE(adminSays(host, "modhost_stop_polls_failed_total 0\n"));
}

TEST_SUITE_END();

}  // namespace modhost::host
