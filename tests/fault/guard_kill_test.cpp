// The host is killed in the middle of each step of a conversation, and of its closing. The next one
// goes on with the same rows and leaves an answer or one apology.
#include "tests/fault/scripted.h"

namespace modhost::host {
namespace {

struct Moment {
  const char* name;
  CallMatch call;
  std::size_t rows_cut;  // creates whose reply the kill cuts: each may leave a row
};

std::vector<Moment> sevenCalls() {
  return {{"create of step 1", {.method = "POST", .path_prefix = "/message-log", .nth = 1}, 1},
          {"search", {.method = "POST", .path_prefix = "/search", .nth = 1}, 0},
          {"end of step 1", {.method = "PATCH", .path_prefix = "/message-log", .nth = 1}, 0},
          {"create of step 2", {.method = "POST", .path_prefix = "/message-log", .nth = 2}, 1},
          {"completion", {.method = "POST", .path_prefix = "/openai", .nth = 1}, 0},
          {"end of step 2", {.method = "PATCH", .path_prefix = "/message-log", .nth = 2}, 0},
          {"answer", {.method = "PATCH", .path_prefix = "/messages", .nth = 1}, 0}};
}

// Kills the host while the platform has the call: before it does anything, or before its reply.
void killAt(RecordingPlatform& platform, HostProcess& host, const CallMatch& call, bool done) {
  const auto held = platform.hold(call, done);
  host.start();
  REQUIRE(postWebhook(host.port(), chosenEventBody("evt_1", "step throw")).status == 200);
  REQUIRE(held->waitForArrivals());
  host.kill();
  held->release();
  platform.clearScripts();
}

void checkGoesOn(const std::string& isolation, const Moment& moment, bool done) {
  CAPTURE(done);
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.configure(mainJobModules(host, isolation));
  killAt(platform, host, moment.call, done);

  host.start();

  CHECK(eventually([&] { return ended(host, "ok", 1, "rag-responder"); }));
  CHECK(answered(platform, "evt_1", "This is the answer."));
  CHECK(apologies(platform, "evt_1") == 0);
  const auto rows = rowsOf(platform, "evt_1");
  CHECK(rows.size() >= 2);
  CHECK(rows.size() <= 2 + moment.rows_cut);
  std::size_t completed = 0;
  for (const MessageLogRow& row : rows) {
    if (row.statuses.back() == "COMPLETED") ++completed;
  }
  CHECK(completed == 2);
}

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("guard: a host killed in any step of the conversation answers after its restart") {
  for (const std::string isolation : {"worker", "in_process"}) {
    for (const Moment& moment : sevenCalls()) {
      CAPTURE(isolation);
      CAPTURE(moment.name);
      checkGoesOn(isolation, moment, false);
      if (isolation == "worker") checkGoesOn(isolation, moment, true);
    }
  }
}

TEST_CASE("guard: a row that a killed host opened is set running again and not made anew") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.configure(mainJobModules(host, "worker"));
  killAt(platform, host, {.method = "POST", .path_prefix = "/openai", .nth = 1}, false);

  host.start();

  REQUIRE(platform.waitFor([&] { return answered(platform, "evt_1"); }));
  const auto rows = rowsOf(platform, "evt_1");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].statuses ==
        std::vector<std::string>{"RUNNING", "COMPLETED", "RUNNING", "COMPLETED"});
  CHECK(rows[1].statuses == std::vector<std::string>{"RUNNING", "RUNNING", "COMPLETED"});
}

TEST_CASE("guard: a host killed in closing closes once after its restart") {
  const std::vector<Moment> moments = {
      {"closing the step", {.method = "PATCH", .path_prefix = "/message-log", .nth = 1}, 0},
      {"looking", {.method = "GET", .path_prefix = "/messages/", .nth = 1}, 0},
      {"apology", {.method = "PATCH", .path_prefix = "/messages", .nth = 1}, 0}};
  for (const Moment& moment : moments) {
    for (const bool done : {false, true}) {
      CAPTURE(moment.name);
      CAPTURE(done);
      RecordingPlatform platform;
      HostProcess host(platform.apiBase());
      host.configure(scriptedAnswers("worker") + "dispatch: {stop_poll: 0}\n");
      killAt(platform, host, moment.call, done);
      // What the dead host had sent is done before the next one looks.
      const bool sent = moment.call.path_prefix == "/messages";
      REQUIRE(platform.waitFor([&] { return !sent || apologies(platform, "evt_1") == 1; }));

      host.start();

      CHECK(eventually([&] { return ended(host, "failed", 1); }));
      const auto rows = rowsOf(platform, "evt_1");
      REQUIRE(rows.size() == 1);
      CHECK(rows[0].statuses.back() == "FAILED");
      const auto texts = writtenTexts(platform, "evt_1");
      CHECK(texts.size() == apologies(platform, "evt_1"));
      CHECK(texts.size() == 1);
      CHECK(rows[0].statuses.size() <= 3);
    }
  }
}

TEST_CASE("guard: a module that is gone after a restart leaves closed steps and one apology") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.configure(mainJobModules(host, "worker"));
  killAt(platform, host, {.method = "POST", .path_prefix = "/search", .nth = 1}, false);
  host.configure("modules: []\nroutes: []\n");

  host.start();

  CHECK(eventually([&] { return ended(host, "not_configured", 1, "rag-responder"); }));
  CHECK(writtenTexts(platform, "evt_1") == std::vector<std::string>{kApology});
  const auto rows = rowsOf(platform, "evt_1");
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].statuses.back() == "FAILED");
}

TEST_CASE("guard: the answer of a module that is gone after a restart stays") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.configure(mainJobModules(host, "worker"));
  killAt(platform, host, {.method = "PATCH", .path_prefix = "/messages", .nth = 1}, true);
  host.configure("modules: []\nroutes: []\n");

  host.start();

  CHECK(eventually([&] { return ended(host, "not_configured", 1, "rag-responder"); }));
  CHECK(writtenTexts(platform, "evt_1") == std::vector<std::string>{"This is the answer."});
  CHECK(noneRuns(rowsOf(platform, "evt_1")));
}

TEST_SUITE_END();

}  // namespace modhost::host
