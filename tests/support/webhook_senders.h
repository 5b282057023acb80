// WebhookSenders: the platform's side of webhooks. Each event is sent again until it got its 200;
// the host may be away, move to another port, be full or drain at any moment.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/host_process.h"

namespace modhost::host {

// One event to be delivered.
struct Errand {
  std::string body;
  // How patient its first try is; a short one hangs up before the answer, and comes again.
  std::chrono::milliseconds first_patience{60'000};
  int repeats = 0;                                      // sent as often again after its 200
  std::function<void(const HttpAnswer&)> acknowledged;  // its 200; on a sender's thread
};

class WebhookSenders {
 public:
  // `next` gives out the errands, on any sender's thread, and may take its time; nullopt: no more.
  using Next = std::function<std::optional<Errand>()>;
  WebhookSenders(int port, int threads, Next next);
  ~WebhookSenders() { join(); }
  WebhookSenders(const WebhookSenders&) = delete;
  WebhookSenders& operator=(const WebhookSenders&) = delete;

  // Where the host is now. Any thread.
  void movedTo(int port) { port_ = port; }
  // Until every errand is done.
  void join();

  int refused() const { return refused_; }          // tries answered 503
  int unanswered() const { return unanswered_; }    // tries cut, refused by TCP or given up on
  int repeated() const { return repeated_; }        // repetitions that were answered 200
  int undelivered() const { return undelivered_; }  // errands given up after the safety limit
  int misanswered() const { return misanswered_; }  // tries answered neither 200 nor 503

 private:
  void run();
  void deliver(const Errand& errand);
  std::optional<HttpAnswer> untilTaken(const std::string& body,
                                       std::chrono::milliseconds first_patience);

  const Next next_;
  std::atomic<int> port_;
  std::atomic<int> refused_{0}, unanswered_{0}, repeated_{0}, undelivered_{0}, misanswered_{0};
  std::vector<std::thread> threads_;
};

}  // namespace modhost::host
