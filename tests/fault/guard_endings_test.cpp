// No chat is left hanging, whatever its module does: steps are closed and one apology is written,
// but only where no answer stands.
#include "tests/fault/scripted.h"

namespace modhost::host {
namespace {

struct Case {
  std::string event;
  std::string script;
  std::string end;  // what the delivery's end is called
};

// "die" needs a process of its own.
std::vector<Case> badEnds(const std::string& isolation) {
  std::vector<Case> cases = {
      {"evt_throw", "step throw", "failed"}, {"evt_fail", "step fail", "failed"},
      {"evt_retry", "step retry", "failed"}, {"evt_reject", "step reject", "rejected"},
      {"evt_skip", "step skip", "skipped"},  {"evt_ok", "step ok", "failed"}};
  if (isolation == "worker") cases.push_back({"evt_die", "step die", "interrupted"});
  return cases;
}

// One that says so too late, and one that never says anything, which only a worker survives.
std::vector<Case> overruns(const std::string& isolation) {
  std::vector<Case> cases = {{"evt_late", "step wait fail", "overran"}};
  if (isolation == "worker") cases.push_back({"evt_hang", "step hang", "overran"});
  return cases;
}

void post(const HostProcess& host, const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    REQUIRE(postWebhook(host.port(), chosenEventBody(one.event, one.script)).status == 200);
  }
}

bool allSettled(const HostProcess& host, int count) {
  const auto status = nlohmann::json::parse(httpGet(host.adminPort(), "/status").body);
  return status["inbox"]["done"].get<int>() + status["inbox"]["dead"].get<int>() == count;
}

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("guard: every bad end closes the step and apologises once") {
  for (const std::string isolation : {"worker", "in_process"}) {
    CAPTURE(isolation);
    const std::vector<Case> cases = badEnds(isolation);
    RecordingPlatform platform;
    HostProcess host(platform.apiBase());
    host.configure(scriptedAnswers(isolation));
    host.start();

    post(host, cases);

    CHECK(eventually([&] { return allSettled(host, static_cast<int>(cases.size())); }));
    for (const Case& one : cases) {
      CAPTURE(one.event);
      const auto rows = rowsOf(platform, one.event);
      REQUIRE(rows.size() == 1);
      CHECK(rows[0].statuses.back() == "FAILED");
      CHECK(writtenTexts(platform, one.event) == std::vector<std::string>{kApology});
      CHECK_FALSE(ended(host, one.end, 0));
    }
  }
}

TEST_CASE("guard: an overrun closes the step and apologises once") {
  for (const std::string isolation : {"worker", "in_process"}) {
    CAPTURE(isolation);
    const std::vector<Case> cases = overruns(isolation);
    RecordingPlatform platform;
    HostProcess host(platform.apiBase());
    host.configure(scriptedAnswers(isolation, ", timeout: 1s"));
    host.start();

    post(host, cases);

    CHECK(eventually([&] { return ended(host, "overran", static_cast<int>(cases.size())); }));
    for (const Case& one : cases) {
      CAPTURE(one.event);
      CHECK(rowsOf(platform, one.event).size() <= 1);
      CHECK(noneRuns(rowsOf(platform, one.event)));
      CHECK(writtenTexts(platform, one.event) == std::vector<std::string>{kApology});
    }
  }
}

TEST_CASE("guard: no bad end writes over an answer that stands") {
  for (const std::string isolation : {"worker", "in_process"}) {
    CAPTURE(isolation);
    RecordingPlatform platform;
    HostProcess host(platform.apiBase());
    host.configure(scriptedAnswers(isolation));
    host.start();
    std::vector<Case> cases = badEnds(isolation);
    for (Case& one : cases) one.script = "answer " + one.script;

    post(host, cases);

    CHECK(eventually([&] { return allSettled(host, static_cast<int>(cases.size())); }));
    for (const Case& one : cases) {
      CAPTURE(one.event);
      CHECK(apologies(platform, one.event) == 0);
      CHECK(answered(platform, one.event, "Partial or whole."));
      CHECK(noneRuns(rowsOf(platform, one.event)));
    }
  }
}

TEST_CASE("guard: a step of a worker that dies is continued by each further attempt") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.configure(scriptedAnswers("worker"));
  host.start();

  post(host, {{"evt_1", "step die", "interrupted"}});

  CHECK(platform.waitFor([&] { return answered(platform, "evt_1", kApology); }));
  const auto rows = rowsOf(platform, "evt_1");
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].statuses == std::vector<std::string>{"RUNNING", "RUNNING", "RUNNING", "FAILED"});
  CHECK(eventually([&] { return ended(host, "interrupted", 1); }));
}

TEST_CASE("guard: what waited longer than answer_within is apologised to and never run") {
  RecordingPlatform platform;
  const auto held = platform.hold({.method = "POST", .path_prefix = "/search"});
  HostProcess host(platform.apiBase());
  host.configure(scriptedAnswers("worker", ", concurrency: 1") +
                 "dispatch: {answer_within: 15s, stop_poll: 0}\n");
  host.start();
  post(host, {{"evt_first", "search answer", "ok"}});
  REQUIRE(held->waitForArrivals());

  post(host, {{"evt_late", "step answer", "expired"}});

  CHECK(platform.waitFor([&] { return answered(platform, "evt_late", kApology); }));
  CHECK(rowsOf(platform, "evt_late").empty());
  CHECK(apologies(platform, "evt_first") == 0);
  held->release();
  CHECK(platform.waitFor([&] { return answered(platform, "evt_first", "Partial or whole."); }));
  CHECK(eventually([&] { return ended(host, "expired", 1) && ended(host, "ok", 1); }));
}

TEST_CASE("guard: a second module that fails after the first answered changes no answer") {
  RecordingPlatform platform;
  const auto held = platform.hold({.method = "POST", .path_prefix = "/search/search-string"});
  HostProcess host(platform.apiBase());
  host.configure("modules:\n  - {id: rag-responder, answers: true}\n" + scriptedModule("worker") +
                 "routes:\n  - {event: unique.chat.external-module.chosen,"
                 " to: [rag-responder, scripted]}\n");
  host.start();
  post(host, {{"evt_1", "step search throw", "failed"}});
  REQUIRE(held->waitForArrivals());
  REQUIRE(platform.waitFor([&] { return answered(platform, "evt_1", "This is the answer."); }));

  held->release();

  CHECK(eventually([&] { return ended(host, "failed", 1); }));
  CHECK(apologies(platform, "evt_1") == 0);
  CHECK(answered(platform, "evt_1", "This is the answer."));
  CHECK(noneRuns(rowsOf(platform, "evt_1")));
}

TEST_CASE("guard: an answer whose reply was cut is read and not apologised over") {
  RecordingPlatform platform;
  platform.script({.method = "PATCH", .path_prefix = "/messages"},
                  {.cut = CallScript::Cut::kAfterHandling});
  HostProcess host(platform.apiBase());
  host.configure(scriptedAnswers("worker"));
  host.start();

  post(host, {{"evt_1", "step answer", "failed"}});

  CHECK(eventually([&] { return ended(host, "failed", 1); }));
  CHECK(apologies(platform, "evt_1") == 0);
  CHECK(answered(platform, "evt_1", "Partial or whole."));
  CHECK(platform.callCount("GET", "/messages/msg_a_evt_1") >= 1);
  CHECK(noneRuns(rowsOf(platform, "evt_1")));
}

TEST_CASE("guard: steps that can not be closed stop no apology and are closed later") {
  RecordingPlatform platform;
  platform.script({.method = "PATCH", .path_prefix = "/message-log"}, {.status = 500});
  HostProcess host(platform.apiBase());
  host.configure(scriptedAnswers("worker"));
  host.start();

  post(host, {{"evt_1", "step step throw", "failed"}});

  REQUIRE(platform.waitFor([&] { return answered(platform, "evt_1", kApology); }));
  CHECK_FALSE(noneRuns(rowsOf(platform, "evt_1")));
  platform.clearScripts();
  CHECK(platform.waitFor([&] { return noneRuns(rowsOf(platform, "evt_1")); }));
  CHECK(eventually([&] { return ended(host, "failed", 1); }));
  CHECK(apologies(platform, "evt_1") == 1);
}

TEST_SUITE_END();

}  // namespace modhost::host
