#include "host/app/reloader.h"

#include <utility>

namespace modhost::host {
namespace {

// Loading files, schemas and modules ran on the main thread at start; here they have as much room.
constexpr std::size_t kReloadStack = 4u << 20;

}  // namespace

Reloader::Reloader(Clock& clock, Work work) : clock_(clock), work_(std::move(work)) {}

Reloader::~Reloader() { stop(); }

void Reloader::start() {
  thread_ = Thread(
      "reload", [this] { work(); }, kReloadStack);
}

void Reloader::request(const std::string& trigger) {
  MutexLock lock(mutex_);
  join(trigger);
}

std::optional<ReloadOutcome> Reloader::reload(const std::string& trigger, Milliseconds patience) {
  const SteadyTime until = clock_.steadyNow() + patience;
  MutexLock lock(mutex_);
  const RunPtr run = join(trigger);
  if (waiters_ >= kReloadWaitersMax) return std::nullopt;
  ++waiters_;
  while (!run->outcome && clock_.steadyNow() < until) clock_.waitUntil(changed_, mutex_, until);
  --waiters_;
  return run->outcome;
}

void Reloader::requestSweep() {
  MutexLock lock(mutex_);
  sweep_ = true;
  changed_.notifyAll();
}

void Reloader::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    if (next_) finish(*std::exchange(next_, nullptr), {"the host is stopping", {}, {}, {}, {}});
    changed_.notifyAll();
  }
  thread_.join();
}

Reloader::RunPtr Reloader::join(const std::string& trigger) {
  if (!next_) next_ = std::make_shared<Run>();
  RunPtr run = next_;
  if (run->trigger.find(trigger) == std::string::npos) {
    run->trigger += (run->trigger.empty() ? "" : ", ") + trigger;
  }
  if (stopping_) finish(*std::exchange(next_, nullptr), {"the host is stopping", {}, {}, {}, {}});
  changed_.notifyAll();
  return run;
}

void Reloader::finish(Run& run, ReloadOutcome outcome) {
  run.outcome = std::move(outcome);
  changed_.notifyAll();
}

void Reloader::work() {
  while (workOnce()) {
  }
}

// The sweep goes first: it makes room for what a reload brings.
bool Reloader::workOnce() {
  RunPtr run;
  bool sweep = false;
  {
    MutexLock lock(mutex_);
    while (!next_ && !sweep_ && !stopping_) changed_.wait(mutex_);
    if (stopping_) return false;
    sweep = std::exchange(sweep_, false);
    run = std::exchange(next_, nullptr);
  }
  if (sweep) work_.sweep();
  if (!run) return true;
  ReloadOutcome outcome = work_.reload(run->trigger);
  MutexLock lock(mutex_);
  finish(*run, std::move(outcome));
  return true;
}

}  // namespace modhost::host
