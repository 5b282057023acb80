#include "host/app/generation.h"

#include <unistd.h>

#include <utility>

#include "host/base/assert.h"

namespace modhost::host {

void RunningAttempts::begun(AttemptToken token) {
  MutexLock lock(mutex_);
  tokens_.insert(token);
}

void RunningAttempts::ended(AttemptToken token) {
  MutexLock lock(mutex_);
  tokens_.erase(token);
}

int RunningAttempts::count() const {
  MutexLock lock(mutex_);
  return static_cast<int>(tokens_.size());
}

bool Generation::isSame(const Settings& settings, const Settings::Module& module,
                        const std::string& digest) const {
  return digest == digest_ && sameModule(module, module_) &&
         (inProcess() || (settings.worker == worker_ && ::access(copy_.c_str(), R_OK) == 0));
}

Lease::Lease(std::shared_ptr<Generation> generation, std::function<void()> released)
    : generation_(std::move(generation)), released_(std::move(released)) {}

Lease::~Lease() {
  generation_->released_ = true;
  released_();
}

const ModuleDescription& Lease::description() const { return generation_->runner().description(); }
int Lease::concurrency() const { return generation_->runner().concurrency(); }
RunnerHealth Lease::health() const { return generation_->runner().health(); }
bool Lease::stillMapped() const { return generation_->runner().stillMapped(); }
int Lease::stuck() const { return generation_->runner().stuck(); }
void Lease::cancel(AttemptToken token) { generation_->runner().cancel(token); }

// The runner keeps the callback, so that must not hold the generation, which holds the runner.
void Lease::start(Attempt attempt, Ended ended) {
  const AttemptToken token = attempt.token;
  const std::shared_ptr<RunningAttempts> attempts = generation_->attempts_;
  attempts->begun(token);
  generation_->runner().start(std::move(attempt),
                              [attempts, token, ended = std::move(ended)](AttemptEnd end) {
                                attempts->ended(token);
                                ended(std::move(end));
                              });
}

void Lease::abandon(AttemptToken token) {
  generation_->runner().abandon(token);
  generation_->attempts_->ended(token);
}

void Lease::stop(Milliseconds) { MODHOST_UNREACHABLE(); }

}  // namespace modhost::host
