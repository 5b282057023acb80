#include "host/base/thread.h"

#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <climits>
#include <system_error>
#include <utility>

namespace modhost::host {
namespace {

struct Start {
  std::string name;
  std::function<void()> body;
  Waking waking;
};

void yieldWhenWoken() {
  const sched_param none{};
  pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
}

void* enter(void* raw) {
  std::unique_ptr<Start> start(static_cast<Start*>(raw));
  pthread_setname_np(pthread_self(), start->name.substr(0, 15).c_str());
  if (start->waking == Waking::kYields) yieldWhenWoken();
  start->body();
  return nullptr;
}

// The new thread inherits the mask, so it is set around pthread_create: no signal can slip in
// between.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

Thread::Thread(const std::string& name, std::function<void()> body, std::size_t stack,
               Waking waking) {
  auto start = std::make_unique<Start>(Start{name, std::move(body), waking});
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes,
                            std::max(stack, static_cast<std::size_t>(PTHREAD_STACK_MIN)));
  AllSignalsBlocked blocked;
  const int error = pthread_create(&thread_, &attributes, enter, start.get());
  pthread_attr_destroy(&attributes);
  if (error != 0) throw std::system_error(error, std::generic_category(), "thread " + name);
  start.release();
  running_ = true;
}

Thread::Thread(Thread&& other) noexcept
    : thread_(other.thread_), running_(std::exchange(other.running_, false)) {}

Thread& Thread::operator=(Thread&& other) noexcept {
  if (this == &other) return *this;
  join();
  thread_ = other.thread_;
  running_ = std::exchange(other.running_, false);
  return *this;
}

void Thread::join() {
  if (std::exchange(running_, false)) pthread_join(thread_, nullptr);
}

}  // namespace modhost::host
