// Deliverer: brings webhooks to the host, with the platform's patience: at most kRetriesMax further
// tries with growing pauses, then the event is given up.
#pragma once

#include <list>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/mutex.h"
#include "host/base/thread.h"
#include "sandbox/stop_signal.h"
#include "sandbox/trace.h"
#include "sandbox/webhook.h"

namespace modhost::sandbox {

// "At most five times" (Unique SDK, webhooks); the pauses are not published.
inline constexpr int kRetriesMax = 5;
// More undelivered events than this, and the sandbox takes no further question.
inline constexpr std::size_t kWaitingDeliveriesMax = 10'000;

struct DelivererSettings {
  std::string url;
  std::string secret;
  Tenant tenant;
  host::Milliseconds first_pause{1000};  // doubles with each retry
  host::Milliseconds timeout{10'000};    // of one try
  int threads = 4;                       // tries in flight
};

// Threads: deliver() may be called from any thread at once. The destructor ends running tries; what
// is undelivered then stays so.
class Deliverer {
 public:
  // `chats`, `trace` and `clock` have to outlive this object.
  Deliverer(DelivererSettings settings, ChatStore& chats, Trace& trace, host::Clock& clock);
  ~Deliverer();

  // Takes the events over and returns at once; what becomes of them is noted in the chat. False:
  // too many are waiting, nothing was taken.
  bool deliver(const std::string& chat_id, std::vector<WebhookEvent> events) EXCLUDES(mutex_);

 private:
  struct Delivery {
    std::string chat_id;
    WebhookEvent event;
    int tries = 0;
    host::SteadyTime due{};
  };

  void work() EXCLUDES(mutex_);
  // Waits for the next due delivery; false: the end.
  bool take(Delivery& delivery) EXCLUDES(mutex_);
  std::list<Delivery>::iterator earliest() REQUIRES(mutex_);
  void attempt(Delivery delivery, class HttpClient& client);
  void putBack(Delivery delivery) EXCLUDES(mutex_);
  void record(const Delivery& delivery, const WebhookTry& attempt);
  void note(const Delivery& delivery, const char* state, int status, const std::string& error);

  const DelivererSettings settings_;
  const host::HmacKey secret_;
  ChatStore& chats_;
  Trace& trace_;
  host::Clock& clock_;
  StopSignal stop_;

  host::Mutex mutex_;
  host::CondVar changed_;
  std::list<Delivery> waiting_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;

  std::vector<host::Thread> threads_;
};

}  // namespace modhost::sandbox
