#include "sandbox/deliverer.h"

#include <algorithm>

#include "host/base/log.h"
#include "sandbox/outgoing.h"

namespace modhost::sandbox {
namespace {

host::Milliseconds pauseBefore(int retry, host::Milliseconds first) {
  return first * (1 << (retry - 1));
}

void warnAbout(const DeliveryState& delivery) {
  host::logWarn("sandbox", "webhook not taken",
                {{"event", delivery.event_id},
                 {"state", delivery.state},
                 {"try", delivery.tries},
                 {"status", delivery.status},
                 {"error", delivery.error}});
}

}  // namespace

Deliverer::Deliverer(DelivererSettings settings, ChatStore& chats, Trace& trace, host::Clock& clock)
    : settings_(std::move(settings)),
      secret_(settings_.secret),
      chats_(chats),
      trace_(trace),
      clock_(clock),
      stop_(clock) {
  for (int i = 0; i < settings_.threads; ++i) {
    threads_.emplace_back("deliver-" + std::to_string(i), [this] { work(); });
  }
}

Deliverer::~Deliverer() {
  stop_.stop();
  {
    host::MutexLock lock(mutex_);
    ended_ = true;
    changed_.notifyAll();
  }
  for (host::Thread& thread : threads_) thread.join();
}

bool Deliverer::deliver(const std::string& chat_id, std::vector<WebhookEvent> events) {
  host::MutexLock lock(mutex_);
  if (waiting_.size() + events.size() > kWaitingDeliveriesMax) return false;
  for (WebhookEvent& event : events) {
    Delivery delivery{chat_id, std::move(event), 0, clock_.steadyNow()};
    note(delivery, "waiting", 0, "");  // under the lock: nobody can have delivered it before
    waiting_.push_back(std::move(delivery));
  }
  changed_.notifyAll();
  return true;
}

void Deliverer::work() {
  HttpClient client(stop_);
  Delivery delivery;
  while (take(delivery)) attempt(std::move(delivery), client);
}

bool Deliverer::take(Delivery& delivery) {
  host::MutexLock lock(mutex_);
  while (!ended_) {
    const auto next = earliest();
    if (next == waiting_.end()) {
      changed_.wait(mutex_);
    } else if (next->due > clock_.steadyNow()) {
      clock_.waitUntil(changed_, mutex_, next->due);
    } else {
      delivery = std::move(*next);
      waiting_.erase(next);
      return true;
    }
  }
  return false;
}

std::list<Deliverer::Delivery>::iterator Deliverer::earliest() {
  return std::min_element(waiting_.begin(), waiting_.end(),
                          [](const Delivery& a, const Delivery& b) { return a.due < b.due; });
}

void Deliverer::attempt(Delivery delivery, HttpClient& client) {
  ++delivery.tries;
  const auto headers = webhookHeaders(delivery.event, settings_.tenant, secret_, clock_.wallNow());
  const host::SteadyTime start = clock_.steadyNow();
  const host::WallTime at = clock_.wallNow();
  const OutgoingReply reply =
      client.post(settings_.url, headers, delivery.event.body, settings_.timeout);
  if (reply.status == 0 && stop_.stopped()) return;
  const auto took = std::chrono::duration_cast<host::Milliseconds>(clock_.steadyNow() - start);
  record(delivery, {headers, at, took, reply.status, reply.body, reply.error});
  switch (verdictOn(reply.status)) {
    case Verdict::kDelivered:
      return note(delivery, "delivered", reply.status, "");
    case Verdict::kExpired:
      return note(delivery, "expired", reply.status, "");
    case Verdict::kRetry:
      break;
  }
  if (delivery.tries > kRetriesMax) return note(delivery, "gave_up", reply.status, reply.error);
  note(delivery, "waiting", reply.status, reply.error);
  putBack(std::move(delivery));
}

void Deliverer::putBack(Delivery delivery) {
  host::MutexLock lock(mutex_);
  delivery.due = clock_.steadyNow() + pauseBefore(delivery.tries, settings_.first_pause);
  waiting_.push_back(std::move(delivery));
  changed_.notifyAll();
}

void Deliverer::record(const Delivery& delivery, const WebhookTry& attempt) {
  try {
    trace_.tried(delivery.chat_id, delivery.event.id, attempt);
  } catch (const StoreError& store_error) {
    host::logError("sandbox", "a try is not traced", {{"why", store_error.what()}});
  }
}

void Deliverer::note(const Delivery& delivery, const char* state, int status,
                     const std::string& error) {
  const DeliveryState noted{
      delivery.event.id, delivery.event.type, state, delivery.tries, status, error};
  if (delivery.tries > 0 && noted.state != "delivered") warnAbout(noted);
  try {
    chats_.noteDelivery(delivery.chat_id, noted);
  } catch (const StoreError& store_error) {  // a full disk does not stop deliveries
    host::logError("sandbox", "a delivery's state is not stored", {{"why", store_error.what()}});
  }
}

}  // namespace modhost::sandbox
