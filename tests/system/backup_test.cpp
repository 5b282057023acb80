// A backup taken under load is an inbox to go on with: what was acknowledged before it began is in it,
// is answered by the host that starts with it, and is a duplicate there.
#include <doctest/doctest.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <string>

#include "host/base/mutex.h"
#include "tests/support/webhook_senders.h"
#include "tests/system/main_job.h"

namespace modhost::host {
namespace {

constexpr int kEvents = 600;
constexpr int kBefore = 150;

std::string eventId(int number) { return "evt_b" + std::to_string(number); }
std::string bodyOf(int number) {
  const std::string id = eventId(number);
  return chosenEventBody(id, "Q", "chat_" + id);
}

class Acknowledged {
 public:
  void add(int number) {
    MutexLock lock(mutex_);
    numbers_.insert(number);
  }
  std::set<int> numbers() const {
    MutexLock lock(mutex_);
    return numbers_;
  }

 private:
  mutable Mutex mutex_;
  std::set<int> numbers_ GUARDED_BY(mutex_);
};

}  // namespace

TEST_SUITE_BEGIN("system");

TEST_CASE("backup: a host goes on with a backup that was taken under load") {
  RecordingPlatform platform;
  HostProcess first(platform.apiBase());
  first.configure(mainJobModules(first, "worker"));
  first.start();
  const auto held = platform.hold({.method = "POST", .path_prefix = "/search"});
  std::atomic<int> next{0};
  Acknowledged acknowledged;
  WebhookSenders senders(first.port(), 8, [&]() -> std::optional<Errand> {
    const int number = next++;
    if (number >= kEvents) return std::nullopt;
    Errand errand;
    errand.body = bodyOf(number);
    errand.acknowledged = [&acknowledged, number](const HttpAnswer&) { acknowledged.add(number); };
    return errand;
  });
  REQUIRE(eventually([&] { return acknowledged.numbers().size() >= kBefore; }));

  const std::set<int> before = acknowledged.numbers();
  const std::string backup = first.file("backup.db");
  REQUIRE(first.run({"inbox", "backup", backup}).exit_status == 0);
  CHECK(first.run({"inbox", "backup", backup}).exit_status == 1);
  CHECK(first.run({"inbox", "check", backup}).exit_status == 0);
  CHECK(first.output().find(backup + ": whole") != std::string::npos);
  senders.join();
  CHECK(acknowledged.numbers().size() == kEvents);
  CHECK(first.run({"inbox", "check"}).exit_status == 0);
  first.kill();

  HostProcess second(platform.apiBase());
  second.configure(mainJobModules(second, "worker"));
  std::filesystem::copy_file(backup, second.file("inbox.db"));
  platform.clearScripts();
  held->release();
  second.start();

  CHECK(eventually([&] {
    for (const int number : before) {
      if (!answered(platform, eventId(number))) return false;
    }
    return true;
  }));
  for (const int number : before) {
    CHECK(postWebhook(second.port(), bodyOf(number)).status == 200);
  }
  const std::string metrics = httpGet(second.adminPort(), "/metrics").body;
  const std::string duplicates =
      "modhost_webhooks_total{answer=\"duplicate\"} " + std::to_string(before.size());
  CHECK(metrics.find(duplicates + "\n") != std::string::npos);
  CHECK(second.terminate().exit_status == 0);
  CHECK(second.run({"inbox", "check"}).exit_status == 0);
}

TEST_CASE("backup: one that is taken while its host ends is made") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.configure(mainJobModules(host, "in_process"));
  int made = 0;
  for (int round = 0; round < 5; ++round) {
    host.start();
    REQUIRE(postWebhook(host.port(), bodyOf(round)).status == 200);
    host.signal(SIGTERM);
    for (bool ended = false; !ended;) {
      ended = host.endedByItself();
      const std::string backup = host.file("backup" + std::to_string(made++) + ".db");
      REQUIRE_MESSAGE(host.run({"inbox", "backup", backup}).exit_status == 0, host.log());
    }
    host.kill();
  }
  CHECK(made >= 5);
}

}  // namespace modhost::host
