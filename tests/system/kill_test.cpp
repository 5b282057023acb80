// What was acknowledged is never lost: 2,000 events while the host is killed five times. Every
// acknowledged event is answered, no step has two rows, none stays RUNNING, and the inbox's books
// balance, apart from the creates whose reply the kill itself cut, which the host counted.
#include <doctest/doctest.h>

#include <atomic>
#include <set>

#include "tests/support/inbox_view.h"
#include "tests/support/webhook_senders.h"
#include "tests/system/main_job.h"

namespace modhost::host {
namespace {

constexpr int kEvents = 2000;
constexpr int kKills = 5;
constexpr int kSenders = 8;

std::string eventId(int number) { return "evt_k" + std::to_string(number); }

// Waits while it gets on: however slow, each limit is for the next end of an event.
bool becomesEmpty(int admin_port, InboxCounts& inbox) {
  const auto lookAgain = [&] {
    const std::int64_t open = inbox.open();
    inbox = inboxCounts(admin_port).value_or(inbox);
    return inbox.open() < open;
  };
  inbox = inboxCounts(admin_port).value_or(InboxCounts{1});
  while (inbox.open() > 0) {
    if (!eventually(lookAgain)) return false;
  }
  return true;
}

std::string bodyOf(int number) {
  const std::string id = eventId(number);
  return number % 4 == 3 ? userMessageEventBody(id) : chosenEventBody(id, "Q", "chat_" + id);
}

}  // namespace

TEST_SUITE_BEGIN("system");

TEST_CASE("kill: every acknowledged event is answered though the host was killed five times") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.configure(mainJobModules(host, "worker"));
  host.start();
  std::atomic<int> next{0}, acknowledged{0};
  WebhookSenders senders(host.port(), kSenders, [&]() -> std::optional<Errand> {
    const int number = next++;
    if (number >= kEvents) return std::nullopt;
    Errand errand;
    errand.body = bodyOf(number);
    errand.acknowledged = [&](const HttpAnswer&) { ++acknowledged; };
    return errand;
  });

  // Spread over the acknowledged events, so that each kill meets deliveries in every state.
  for (int kill = 1; kill <= kKills; ++kill) {
    REQUIRE(eventually([&] { return acknowledged >= kill * kEvents / (kKills + 1); }));
    host.kill();
    host.start();
    senders.movedTo(host.port());
  }
  senders.join();
  REQUIRE(acknowledged == kEvents);
  // Kept in the inbox: the metrics of the same names count one process's life.
  InboxCounts inbox;
  CHECK(becomesEmpty(host.adminPort(), inbox));
  CHECK(host.terminate().exit_status == 0);

  CHECK(inbox.done + inbox.dead == kEvents);
  int unanswered = 0;
  int apologies = 0;
  for (int number = 0; number < kEvents; ++number) {
    if (number % 4 == 3) continue;
    if (!answered(platform, eventId(number))) ++unanswered;
    if (answered(platform, eventId(number), kApology)) ++apologies;
  }
  CHECK(unanswered == 0);
  CHECK(apologies == inbox.dead);
  std::set<std::pair<std::string, std::int64_t>> steps;
  int extra = 0;
  int still_running = 0;
  for (const MessageLogRow& row : platform.rows()) {
    if (!steps.insert({row.message_id, row.order}).second) ++extra;
    if (row.statuses.back() == "RUNNING") ++still_running;
  }
  MESSAGE("ambiguous creates: ", inbox.ambiguous_creates, ", extra rows: ", extra,
          ", left RUNNING: ", still_running);
  CHECK(extra <= inbox.ambiguous_creates);
  CHECK(still_running <= inbox.ambiguous_creates);
  const std::vector<std::string> logged = loggedEventIds(host.file("messages.jsonl"));
  CHECK(std::set<std::string>(logged.begin(), logged.end()).size() == kEvents / 4);
  CHECK(InboxView(host.file("inbox.db")).number("SELECT count(*) FROM event") == kEvents);
}

TEST_SUITE_END();

}  // namespace modhost::host
