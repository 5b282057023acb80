// 200 reloads under load: every acknowledged event is answered, by whichever generation, and memory
// stays flat.
#include <atomic>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "tests/fault/reload_host.h"

namespace modhost::host {
namespace {

constexpr int kReloads = 200;
constexpr int kWarmReloads = 40;
constexpr int kEventsPerReload = 10;
constexpr int kEvents = kReloads * kEventsPerReload;
constexpr int kSenders = 4;
// Far above what an allocator keeps, far below what 160 leaked generations would be.
constexpr long kGrowthMaxKib = 48 * 1024;

std::string eventId(int number) { return "evt_r" + std::to_string(number); }

long rssKib(pid_t pid) {
  std::istringstream text(fileText("/proc/" + std::to_string(pid) + "/status"));
  for (std::string line; std::getline(text, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::atol(line.c_str() + 6);
  }
  return 0;
}

// Sends on while reloads go on: a reload's share of events each, so that every one meets some.
class Senders {
 public:
  explicit Senders(const ReloadHost& the) : the_(the) {
    for (int i = 0; i < kSenders; ++i) threads_.emplace_back([this] { run(); });
  }
  ~Senders() { join(); }
  void join() {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  void allow(int events) { allowed_ = events; }
  int acknowledged() const { return acknowledged_; }

 private:
  void run() {
    for (int number = next_++; number < kEvents; number = next_++) {
      eventually([&] { return allowed_ > number; });
      eventually([&] { return the_.ask(eventId(number)) == 200; });
      ++acknowledged_;
    }
  }

  const ReloadHost& the_;
  std::atomic<int> next_{0}, acknowledged_{0}, allowed_{0};
  std::vector<std::thread> threads_;
};

void checkReloadsUnderLoad(const std::string& isolation) {
  ReloadHost the(isolation);
  // Long enough that each generation is replaced while it has attempts.
  CallScript slow;
  slow.latency = Milliseconds(20);
  the.platform.script({"POST", "/search/search"}, slow);
  the.start();
  Senders senders(the);

  long warm = 0;
  for (int n = 0; n < kReloads; ++n) {
    senders.allow((n + 1) * kEventsPerReload);
    if (n == kWarmReloads) warm = rssKib(the.host.pid());
    the.bring(n % 2 == 0 ? "v2" : "v1");
    REQUIRE_MESSAGE(the.reload(), the.host.log());
    REQUIRE(eventually([&] { return senders.acknowledged() >= n * kEventsPerReload; }));
  }
  senders.join();
  CHECK(senders.acknowledged() == kEvents);
  CHECK(eventually([&] { return the.status()["inbox"]["done"] == kEvents; }));
  CHECK(eventually([&] { return the.metric("modhost_generations_draining") == 0; }));
  const long end = rssKib(the.host.pid());
  MESSAGE(isolation, ": RSS ", warm, " KiB after ", kWarmReloads, " reloads, ", end, " KiB after ",
          kReloads);

  CHECK(the.serving() == kReloads + 1);
  CHECK(the.metric("modhost_generations_still_mapped") == 0);
  CHECK(end - warm < kGrowthMaxKib);
  std::set<std::string> by;
  for (int number = 0; number < kEvents; ++number) by.insert(the.answerTo(eventId(number)));
  CHECK(by == std::set<std::string>{"Hello from v1", "Hello from v2"});
  CHECK(the.host.terminate().exit_status == 0);
}

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("reload load: 200 reloads of a worker under load lose nothing and memory stays flat") {
  checkReloadsUnderLoad("worker");
}

TEST_CASE("reload load: 200 reloads in process under load lose nothing and memory stays flat") {
  checkReloadsUnderLoad("in_process");
}

TEST_SUITE_END();

}  // namespace modhost::host
