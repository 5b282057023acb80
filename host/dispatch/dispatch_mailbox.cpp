#include "host/dispatch/dispatch_mailbox.h"

#include <utility>

namespace modhost::host {
namespace {

// With nothing to wait for, the thread still looks up once in a while; no promise hangs on this.
constexpr std::chrono::hours kLongWait{1};

}  // namespace

void DispatchMailbox::ready(const Target& target) {
  MutexLock lock(mutex_);
  if (closed_) return;
  mail_.ready.insert(target);
  arrived_.notifyOne();
}

void DispatchMailbox::post(DispatchMessage message) {
  MutexLock lock(mutex_);
  if (closed_) return;
  mail_.messages.push_back(std::move(message));
  arrived_.notifyOne();
}

void DispatchMailbox::postEnded(const DeliveryKey& key, AttemptToken token, AttemptEnd end) {
  MutexLock lock(mutex_);
  if (closed_) return;
  mail_.messages.push_back(AttemptEnded{key, token, std::move(end), clock_.steadyNow()});
  arrived_.notifyOne();
}

void DispatchMailbox::stop() {
  MutexLock lock(mutex_);
  mail_.stop = true;
  arrived_.notifyOne();
}

void DispatchMailbox::hurry() {
  MutexLock lock(mutex_);
  mail_.stop = true;
  mail_.hurry = true;
  arrived_.notifyOne();
}

void DispatchMailbox::close() {
  MutexLock lock(mutex_);
  closed_ = true;
  mail_ = {};
}

DispatchMail DispatchMailbox::take(std::optional<SteadyTime> until) {
  const SteadyTime deadline = until.value_or(clock_.steadyNow() + kLongWait);
  MutexLock lock(mutex_);
  while (empty() && clock_.steadyNow() < deadline) clock_.waitUntil(arrived_, mutex_, deadline);
  return std::exchange(mail_, {});
}

bool DispatchMailbox::empty() const {
  return mail_.ready.empty() && mail_.messages.empty() && !mail_.stop;
}

}  // namespace modhost::host
