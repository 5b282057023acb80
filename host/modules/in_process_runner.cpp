#include "host/modules/in_process_runner.h"

#include <vector>

#include "host/base/mutex.h"
#include "host/modules/module_core.h"

namespace modhost::host {
namespace {

// An attempt ends inside handle(), a moment before its thread is out of the module's code.
constexpr Milliseconds kLastGrace{1'000};

struct LeftBehind {
  Mutex mutex;
  std::vector<std::shared_ptr<ModuleCore>> unstarted GUARDED_BY(mutex);
  std::vector<std::shared_ptr<ModuleCore>> unended GUARDED_BY(mutex);
};

// For as long as the process lives; never destroyed, since their threads may still run while the
// process exits.
LeftBehind& leftBehind() {
  static auto* const left = new LeftBehind;
  return *left;
}

}  // namespace

Result<std::unique_ptr<InProcessRunner>> InProcessRunner::create(
    std::unique_ptr<SharedLibrary> library, InProcessSettings settings,
    std::shared_ptr<ModuleSink> sink, Clock& clock) {
  auto core =
      std::make_shared<ModuleCore>(std::move(library), std::move(settings), std::move(sink), clock);
  const Result<void> opened = core->open();
  if (!opened.ok()) {
    if (core->stuck() > 0) {
      MutexLock lock(leftBehind().mutex);
      leftBehind().unstarted.push_back(std::move(core));
    }
    return opened.error();
  }
  return std::unique_ptr<InProcessRunner>(new InProcessRunner(std::move(core)));
}

InProcessRunner::InProcessRunner(std::shared_ptr<ModuleCore> core) : core_(std::move(core)) {}

InProcessRunner::~InProcessRunner() { stop(kLastGrace); }

const ModuleDescription& InProcessRunner::description() const { return core_->description(); }
int InProcessRunner::concurrency() const { return core_->concurrency(); }
void InProcessRunner::cancel(AttemptToken token) { core_->cancel(token); }
void InProcessRunner::abandon(AttemptToken token) { core_->abandon(token); }
int InProcessRunner::stuck() const { return core_->stuck(); }
bool InProcessRunner::stillMapped() const { return core_->mapped(); }

void InProcessRunner::start(Attempt attempt, Ended ended) {
  core_->start(std::move(attempt), std::move(ended));
}

void InProcessRunner::stop(Milliseconds grace) {
  if (std::exchange(stopped_, true)) return;
  if (core_->stop(grace)) return;
  MutexLock lock(leftBehind().mutex);
  leftBehind().unended.push_back(core_);
}

std::size_t modulesNeverStarted() {
  MutexLock lock(leftBehind().mutex);
  return leftBehind().unstarted.size();
}

std::size_t modulesLeftBehind() {
  MutexLock lock(leftBehind().mutex);
  return leftBehind().unstarted.size() + leftBehind().unended.size();
}

}  // namespace modhost::host
