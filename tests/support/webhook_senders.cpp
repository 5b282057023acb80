#include "tests/support/webhook_senders.h"

#include <poll.h>

#include <utility>

namespace modhost::host {
namespace {

constexpr int kPauseMs = 30;  // the platform's is longer; a test has no hours

}  // namespace

WebhookSenders::WebhookSenders(int port, int threads, Next next)
    : next_(std::move(next)), port_(port) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

void WebhookSenders::join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WebhookSenders::run() {
  while (const std::optional<Errand> errand = next_()) deliver(*errand);
}

void WebhookSenders::deliver(const Errand& errand) {
  const auto answer = untilTaken(errand.body, errand.first_patience);
  if (!answer) {
    ++undelivered_;
    return;
  }
  errand.acknowledged(*answer);
  for (int i = 0; i < errand.repeats; ++i) {
    ++(untilTaken(errand.body, std::chrono::seconds(60)) ? repeated_ : undelivered_);
  }
}

std::optional<HttpAnswer> WebhookSenders::untilTaken(const std::string& body,
                                                     std::chrono::milliseconds first_patience) {
  std::chrono::milliseconds patience = first_patience;
  HttpAnswer answer;
  bool again = false;
  const bool taken = eventually([&] {
    if (std::exchange(again, true)) ::poll(nullptr, 0, kPauseMs);
    answer = postWebhook(port_, body, kTestSecret, patience);
    patience = std::chrono::seconds(60);
    if (answer.status == 503) ++refused_;
    if (answer.status == 0) ++unanswered_;
    if (answer.status != 0 && answer.status != 200 && answer.status != 503) ++misanswered_;
    return answer.status == 200;
  });
  return taken ? std::optional(answer) : std::nullopt;
}

}  // namespace modhost::host
