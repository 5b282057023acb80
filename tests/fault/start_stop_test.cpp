// SIGTERM while events pour in: nothing acknowledged is lost, the end is bounded whatever a module
// does, and a second signal shortens it.
#include <doctest/doctest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "tests/support/inbox_books.h"
#include "tests/system/main_job.h"

namespace modhost::host {
namespace {

using std::chrono::steady_clock;

constexpr int kSenders = 4;

// rag-responder, and a module that hangs in a call to the platform, in its own worker.
std::string modulesWithHang(const HostProcess& host, const std::string& drain) {
  return "dispatch: {drain: " + drain +
         "}\n"
         "worker: {stop_grace: 1s}\n" +
         "modules:\n"
         "  - {id: rag-responder, answers: true}\n"
         "  - {id: hangs, path: \"" TINY_MODULES_FOLDER
         "/hangs.so\", timeout: 600s,\n     platform_calls: [\"GET /hang\"]}\n"
         "  - {id: message-logger, config: {file: " +
         host.file("messages.jsonl") +
         ", text: full}}\n"
         "routes:\n"
         "  - {event: unique.chat.external-module.chosen, to: rag-responder}\n"
         "  - {event: test.hang, to: hangs}\n"
         "  - {event: unique.chat.user-message.created, to: message-logger}\n";
}

constexpr char kHangEvent[] =
    R"({"id":"evt_hang","event":"test.hang","userId":"1","companyId":"2","payload":{}})";

// Fresh events from several threads until stop(); remembers what was acknowledged.
class Senders {
 public:
  explicit Senders(int port) : port_(port) {
    for (int i = 0; i < kSenders; ++i) threads_.emplace_back([this] { run(); });
  }
  ~Senders() { stop(); }
  void stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  int acknowledged() const { return acknowledged_; }
  // 503 without Retry-After, or any other status.
  int wronglyAnswered() const { return wrong_; }
  std::vector<std::string> ids() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return ids_;
  }

 private:
  void run() {
    while (!stopping_) {
      const std::string id = "evt_l" + std::to_string(next_++);
      const HttpAnswer answer = postWebhook(port_, chosenEventBody(id, "Q", "chat_" + id));
      if (answer.status == 0) continue;  // the host has gone
      if (answer.status == 200) {
        ++acknowledged_;
        const std::lock_guard<std::mutex> lock(mutex_);
        ids_.push_back(id);
      } else if (answer.status != 503 || answer.retry_after.empty()) {
        ++wrong_;
      }
    }
  }

  const int port_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> next_{0}, acknowledged_{0}, wrong_{0};
  std::mutex mutex_;
  std::vector<std::string> ids_;
  std::vector<std::thread> threads_;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("stop: SIGTERM under load loses nothing and is bounded by drain") {
  RecordingPlatform platform;
  const auto held = platform.hold({.method = "GET", .path_prefix = "/hang"});
  HostProcess host(platform.apiBase());
  host.configure(modulesWithHang(host, "2s"));
  host.start();
  REQUIRE(postWebhook(host.port(), kHangEvent).status == 200);
  REQUIRE(held->waitForArrivals());
  const auto held_answer = platform.hold({.method = "POST", .path_prefix = "/openai", .nth = 1});
  Senders senders(host.port());
  REQUIRE(eventually([&] { return senders.acknowledged() > 100; }));

  host.signal(SIGTERM);
  const ProcessEnd end = host.wait();
  senders.stop();

  CHECK(end.exit_status == 0);
  CHECK(senders.wronglyAnswered() == 0);
  // The hanging module and the held conversation are handed back, not ended.
  CHECK(contains(host.log(), "attempt handed back event=evt_hang module=hangs"));
  checkBooks(host.file("inbox.db"));
  held->release();
  held_answer->release();
  host.start();
  for (const std::string& id : senders.ids()) {
    CAPTURE(id);
    REQUIRE(platform.waitFor([&] { return answered(platform, id); }));
    CHECK(!answered(platform, id, kApology));
  }
  CHECK(host.terminate().exit_status == 0);
  checkBooks(host.file("inbox.db"));
}

TEST_CASE("stop: a second signal does not wait for what runs and still loses nothing") {
  RecordingPlatform platform;
  const auto held = platform.hold({.method = "POST", .path_prefix = "/openai"});
  HostProcess host(platform.apiBase());
  host.configure(modulesWithHang(host, "600s"));
  host.start();
  REQUIRE(postWebhook(host.port(), chosenEventBody("evt_1")).status == 200);
  REQUIRE(held->waitForArrivals());

  host.signal(SIGTERM);
  REQUIRE(
      eventually([&] { return postWebhook(host.port(), chosenEventBody("evt_2")).status == 503; }));
  host.signal(SIGINT);
  const ProcessEnd end = host.wait();

  CHECK(end.exit_status == 0);
  CHECK(contains(host.log(), "asked again: running deliveries are handed back now signal=2"));
  CHECK(contains(host.log(), "attempt handed back event=evt_1"));
  held->release();
  host.start();
  CHECK(platform.waitFor([&] { return answered(platform, "evt_1"); }));
  CHECK(!answered(platform, "evt_1", kApology));
}

TEST_SUITE_END();

}  // namespace modhost::host
