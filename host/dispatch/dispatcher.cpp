#include "host/dispatch/dispatcher.h"

#include <future>
#include <utility>

#include "host/base/thread.h"
#include "host/dispatch/dispatch_loop.h"
#include "host/dispatch/dispatch_mailbox.h"

namespace modhost::host {

// The loop is made before the thread and outlives it. The mailbox outlives both in the callbacks
// that hold it.
class Dispatcher::Impl {
 public:
  Impl(Inbox& inbox, Guard& guard, Clock& clock, Metrics& metrics, const DispatchSettings& settings,
       std::vector<Lane> lanes)
      : inbox_(inbox),
        mailbox_(std::make_shared<DispatchMailbox>(clock)),
        loop_(inbox, guard, clock, metrics, settings, std::move(lanes), mailbox_) {}

  ~Impl() { stop(); }

  void start() {
    inbox_.onReady([mailbox = mailbox_](const Target& target) { mailbox->ready(target); });
    const auto run = [this] {
      loop_.run();
      mailbox_->close();  // a stop was asked for and is carried out: nobody may wait for an answer
    };
    thread_ = Thread("dispatch", run, kThreadStackDefault, Waking::kYields);
  }

  // A mailbox that was closed drops the order, and with it the promise.
  void reconfigure(std::vector<Lane> lanes) {
    auto order = std::make_shared<NewLanes>();
    order->lanes = std::move(lanes);
    const std::future<void> serving = order->serving.get_future();
    mailbox_->post(std::move(order));
    serving.wait();
  }

  const RecentAttempts& recent() const { return loop_.recent(); }

  void requestStop() { mailbox_->stop(); }

  void hurry() { mailbox_->hurry(); }

  void stop() {
    requestStop();
    thread_.join();
    mailbox_->close();
  }

 private:
  Inbox& inbox_;
  const std::shared_ptr<DispatchMailbox> mailbox_;
  DispatchLoop loop_;
  Thread thread_;
};

Dispatcher::Dispatcher(Inbox& inbox, Guard& guard, Clock& clock, Metrics& metrics,
                       DispatchSettings settings, std::vector<Lane> lanes)
    : impl_(std::make_unique<Impl>(inbox, guard, clock, metrics, settings, std::move(lanes))) {}

Dispatcher::~Dispatcher() = default;

void Dispatcher::start() { impl_->start(); }

void Dispatcher::reconfigure(std::vector<Lane> lanes) { impl_->reconfigure(std::move(lanes)); }

const RecentAttempts& Dispatcher::recent() const { return impl_->recent(); }

void Dispatcher::requestStop() { impl_->requestStop(); }

void Dispatcher::hurry() { impl_->hurry(); }

void Dispatcher::stop() { impl_->stop(); }

}  // namespace modhost::host
