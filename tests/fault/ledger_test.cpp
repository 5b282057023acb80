// The ledger: mixed load for minutes while host, workers, modules and platform fail at random, all
// from one printed seed. Then the faults stop, everything settles, and the books must balance: each
// acknowledged event was answered, apologised for, recorded, parked or unrouted, none is lost, and
// no chat shows more than the cut creates left in it.
//
//   MODHOST_SEED=<n>            repeats a run: the same events, faults and blows, as far as a
//                               machine can repeat a race
//   MODHOST_LEDGER_SECONDS=<n>  how long the faults last
#include <doctest/doctest.h>
#include <poll.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <memory>
#include <random>
#include <sstream>

#include "host/base/mutex.h"
#include "host/dispatch/dispatcher.h"
#include "tests/fault/chaos.h"
#include "tests/fault/ledger_books.h"
#include "tests/support/inbox_view.h"
#include "tests/support/webhook_senders.h"

namespace modhost::host {
namespace {

constexpr int kSecondsDefault = 80;  // of pauses between blows; the blows take half as long again
constexpr int kSenders = 6;
constexpr int kFloodSenders = 8;
constexpr int kFloodEvents = 120;
constexpr int kWaitingMax = 90;  // a flood fills it: full is answered 503 and comes again
constexpr int kBacklogMax = 60;  // above it the mixed load pauses, so that slow machines keep up
constexpr int kDossiersMax = 5;

std::uint64_t numberFrom(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void pauseFor(int milliseconds) { ::poll(nullptr, 0, milliseconds); }

// The three streams of events: mixed, a quiet company's, another one's floods.
class Load {
 public:
  Load(int port, std::uint64_t seed)
      : seed_(seed),
        mixed_(port, kSenders, [this] { return nextMixed(); }),
        quiet_(port, 1, [this] { return nextQuiet(); }),
        flood_(port, kFloodSenders, [this] { return nextOfFlood(); }) {}
  ~Load() { end(); }

  void movedTo(int port) {
    for (WebhookSenders* senders : {&mixed_, &quiet_, &flood_}) senders->movedTo(port);
  }
  void holdMixed(bool held) { held_ = held; }
  void flood() {
    MutexLock lock(mutex_);
    ++floods_;
    for (int i = 0; i < kFloodEvents; ++i) {
      flood_waiting_.push_back("f" + std::to_string(floods_) + "_" + std::to_string(i));
    }
  }
  // No new events; returns once every one that was begun is acknowledged.
  void end() {
    ending_ = true;
    for (WebhookSenders* senders : {&mixed_, &quiet_, &flood_}) senders->join();
  }

  const Books& books() const { return books_; }
  int sum(int (WebhookSenders::*count)() const) const {
    return (mixed_.*count)() + (quiet_.*count)() + (flood_.*count)();
  }

 private:
  Errand errandOf(const LedgerEvent& event) {
    Errand errand;
    errand.body = event.body;
    errand.acknowledged = [this, event](const HttpAnswer&) { books_.acknowledged(event); };
    return errand;
  }

  std::optional<Errand> nextMixed() {
    const int number = next_++;
    std::mt19937_64 random(seed_ ^ static_cast<std::uint64_t>(number));
    pauseFor(static_cast<int>(random() % 300));
    while (held_ && !ending_) pauseFor(20);
    if (ending_) return std::nullopt;
    Errand errand = errandOf(mixedEvent(seed_, number));
    if (random() % 12 == 0) errand.first_patience = std::chrono::milliseconds(1 + random() % 15);
    if (random() % 12 == 0) errand.repeats = static_cast<int>(1 + random() % 2);
    return errand;
  }

  std::optional<Errand> nextQuiet() {
    pauseFor(250);
    if (ending_) return std::nullopt;
    return errandOf(question("q" + std::to_string(quiet_next_++), kQuietCompany));
  }

  std::optional<Errand> nextOfFlood() {
    while (!ending_) {
      {
        MutexLock lock(mutex_);
        if (!flood_waiting_.empty()) {
          const std::string name = flood_waiting_.front();
          flood_waiting_.pop_front();
          return errandOf(question(name, kFloodCompany));
        }
      }
      pauseFor(20);
    }
    return std::nullopt;
  }

  const std::uint64_t seed_;
  Books books_;
  std::atomic<int> next_{0};
  std::atomic<bool> held_{false}, ending_{false};
  int quiet_next_ = 0;  // of the quiet sender's thread
  Mutex mutex_;
  int floods_ GUARDED_BY(mutex_) = 0;
  std::deque<std::string> flood_waiting_ GUARDED_BY(mutex_);
  WebhookSenders mixed_, quiet_, flood_;  // last: their threads use everything above
};

// Puts a module's file in the place of the one that is there, as an operator should: by a rename.
void deploy(const HostProcess& host, const std::string& name) {
  const std::string file = host.file("modules/" + name);
  std::filesystem::copy_file(std::string(TINY_MODULES_FOLDER "/") + name, file + ".new");
  std::filesystem::rename(file + ".new", file);
}

void deployAll(const HostProcess& host) {
  for (const char* name : {"moody.so", "onlooker.so"}) deploy(host, name);
}

void configure(HostProcess& host) {
  std::filesystem::create_directory(host.file("modules"));
  deployAll(host);
  host.configure(ledgerModules(host.file("messages.jsonl"), host.file("modules")));
  std::string yaml = fileText(host.file("modules.yaml"));
  const std::string path = "path: inbox.db}";
  yaml.insert(yaml.find(path) + path.size(), ", waiting_max: " + std::to_string(kWaitingMax));
  writeFile(host.file("modules.yaml"), yaml);
}

// Slow enough for a flood to wait, whatever the machine.
void slowDownFlood(RecordingPlatform& platform) {
  CallScript slow;
  slow.latency = Milliseconds(200);
  platform.script({.method = "POST", .path_prefix = "/openai", .company = kFloodCompany}, slow);
}

std::string summary(const Load& load, const Chaos& chaos, const Balance& found,
                    const InboxCounts& inbox, const RecordingPlatform& platform) {
  std::ostringstream text;
  int acknowledged = 0;
  for (const auto& fate : found.fates) acknowledged += fate.second;
  text << acknowledged << " acknowledged =";
  for (const auto& fate : found.fates) text << " " << fate.second << " " << fate.first;
  text << "\n  tries: " << load.sum(&WebhookSenders::refused) << " refused, "
       << load.sum(&WebhookSenders::unanswered) << " unanswered, "
       << load.sum(&WebhookSenders::repeated) << " repeated";
  text << "\n  blows: " << chaos.count(Blow::kKillHost) << " host kills, "
       << chaos.count(Blow::kStopHost) << " stops, " << chaos.count(Blow::kKillWorker)
       << " worker kills, " << chaos.count(Blow::kFlood) << " floods, "
       << chaos.count(Blow::kReload) << " reloads, " << chaos.count(Blow::kWeather) << " weathers";
  text << "\n  inbox: " << inbox.done << " done, " << inbox.dead << " dead, "
       << inbox.ambiguous_creates << " ambiguous creates";
  text << "\n  platform: " << platform.callCount() << " calls, " << platform.cutCreates()
       << " creates cut, " << platform.unheardCreates() << " unheard, "
       << platform.lastWordCreates() << " heard last";
  text << "\n  rows extra or orphaned: " << found.extra_or_orphaned_rows
       << ", texts written again: " << found.texts_written_again
       << ", innocents interrupted: " << found.innocents_interrupted
       << ", flood served before a quiet event: " << found.overtaken_by_flood << " (median of "
       << found.quiet_events_in_floods << ")";
  return text.str();
}

void checkQuietLog(const std::string& log) {
  for (const char* secret :
       {"key-of-the-test", kTestSecret, "Which fees apply?", "answer to evt"}) {
    CHECK_MESSAGE(log.find(secret) == std::string::npos, "the log holds ", secret);
  }
}

void report(const Balance& found, const std::vector<Entry>& entries, const Evidence& evidence) {
  int dossiers = 0;
  for (const Complaint& complaint : found.complaints) {
    std::string text = complaint.event_id + ": " + complaint.what;
    for (const Entry& entry : entries) {
      const bool of_it = !complaint.event_id.empty() && entry.event.id == complaint.event_id;
      if (of_it && dossiers++ < kDossiersMax) text += "\n" + evidence.dossier(entry.event);
    }
    FAIL_CHECK(text);
  }
}

// Bounded by progress: what is left may hold pauses and suspects that run one by one.
template <typename Look>
bool runsEmpty(const Look& look, const InboxCounts& inbox) {
  std::int64_t before = 0;
  do {
    before = inbox.open();
    const bool fewer = eventually([&] {
      look();
      return inbox.open() < before || inbox.open() == 0;
    });
    if (!fewer) return false;
  } while (inbox.open() > 0);
  return true;
}

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("ledger: the books balance after minutes of random faults") {
  const std::uint64_t seed = numberFrom("MODHOST_SEED", std::random_device{}());
  const auto seconds = numberFrom("MODHOST_LEDGER_SECONDS", kSecondsDefault);
  MESSAGE("MODHOST_SEED=", seed, " MODHOST_LEDGER_SECONDS=", seconds);
  RecordingPlatform platform;
  slowDownFlood(platform);
  HostProcess host(platform.apiBase());
  configure(host);
  host.start();
  Load load(host.port(), seed);
  InboxCounts inbox;
  const auto look = [&] { inbox = inboxCounts(host.adminPort()).value_or(inbox); };

  Chaos chaos(
      host, platform, seed,
      {[&](int port) { load.movedTo(port); }, [&] { load.flood(); }, [&] { deployAll(host); },
       [&] {
         look();
         load.holdMixed(inbox.open() > kBacklogMax);
       }});
  chaos.run(schedule(seed, std::chrono::seconds(seconds)));
  load.end();
  look();
  const bool settled = runsEmpty(look, inbox);
  const ProcessEnd end = host.terminate();

  const std::vector<Entry> entries = load.books().entries();
  const InboxView view(host.file("inbox.db"));
  const Evidence evidence(platform, view, host.log());
  const std::vector<std::string> logged = loggedEventIds(host.file("messages.jsonl"));
  const Balance found = balance({entries, evidence, logged, inbox, chaos.hostAways()});
  MESSAGE(summary(load, chaos, found, inbox, platform));
  MESSAGE(chaos.history());
  CHECK(settled);
  CHECK(end.exit_status == 0);
  for (const std::string& complaint : chaos.complaints()) FAIL_CHECK(complaint);
  CHECK(load.sum(&WebhookSenders::undelivered) == 0);
  CHECK(load.sum(&WebhookSenders::misanswered) == 0);
  CHECK(found.extra_or_orphaned_rows <=
        platform.cutCreates() + platform.unheardCreates() + platform.lastWordCreates());
  CHECK(found.extra_or_orphaned_rows <= inbox.ambiguous_creates);
  // Faults are many, but enough must go well, or nothing was tested.
  CHECK(3 * found.count("answered") > found.count("apologised"));
  CHECK(found.quiet_events_in_floods > 0);
  // Only the test's own blows, three at one event, excuse an innocent's end.
  CHECK(DispatchSettings{}.interruptions_max * found.innocents_interrupted <=
        chaos.count(Blow::kKillWorker) + chaos.count(Blow::kKillHost));
  checkQuietLog(host.log());
  report(found, entries, evidence);
}

TEST_SUITE_END();

}  // namespace modhost::host
