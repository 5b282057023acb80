// Writes of an attempt that was given up on: what the platform does with them late must leave the
// chat with an answer or an apology, and never an apology over an answer.
#include "tests/fault/scripted.h"

namespace modhost::host {
namespace {

CallMatch answerOf(const std::string& event_id) {
  return {.method = "PATCH", .path_prefix = "/messages/msg_a_" + event_id, .nth = 1};
}

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("guard: a late answer of a module that overran stands or is apologised for") {
  RecordingPlatform platform;
  // Done by the platform, its reply kept back; within the fence's wait, and beyond it.
  const auto soon = platform.hold(answerOf("evt_soon"), true);
  const auto never = platform.hold(answerOf("evt_never"), true);
  // Not done before the apology was due.
  const auto undone = platform.hold(answerOf("evt_undone"));
  HostProcess host(platform.apiBase());
  host.configure(scriptedAnswers("worker", ", timeout: 10s"));
  host.start();

  for (const std::string id : {"evt_soon", "evt_never", "evt_undone"}) {
    REQUIRE(postWebhook(host.port(), chosenEventBody(id, "step answer")).status == 200);
  }
  REQUIRE(soon->waitForArrivals());
  REQUIRE(never->waitForArrivals());
  REQUIRE(undone->waitForArrivals());
  REQUIRE(eventually(
      [&] { return adminSays(host, "modhost_overruns_total{module=\"scripted\"} 3\n"); }));
  soon->release();

  CHECK(platform.waitFor([&] { return apologies(platform, "evt_undone") == 1; }));
  CHECK(eventually([&] { return ended(host, "overran", 3); }));
  CHECK(writtenTexts(platform, "evt_soon") == std::vector<std::string>{"Partial or whole."});
  CHECK(writtenTexts(platform, "evt_never") == std::vector<std::string>{"Partial or whole."});
  never->release();
  undone->release();
  CHECK(platform.waitFor([&] { return writtenTexts(platform, "evt_undone").size() == 2; }));
  CHECK(host.terminate().exit_status == 0);
  for (const std::string id : {"evt_soon", "evt_never", "evt_undone"}) {
    CAPTURE(id);
    CHECK(answered(platform, id, "Partial or whole."));
    CHECK(noneRuns(rowsOf(platform, id)));
  }
}

TEST_SUITE_END();

}  // namespace modhost::host
