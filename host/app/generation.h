// Generation: one load of a module, that is its file as it was at one moment, its settings and its
// runner. A reload starts a new one beside the one that serves.
//
// Dispatch runs attempts through a Lease. When it has dropped the last one, no attempt of that
// generation is left, and the generation may be stopped.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "host/base/clock.h"
#include "host/base/mutex.h"
#include "host/config/settings.h"
#include "host/modules/module_runner.h"

namespace modhost::host {

// Nothing runs by then but what overran; the module's own stop() and destroy() may take this long.
// What worker.stop_grace is as a rule.
inline constexpr Milliseconds kInProcessStopGrace{4'000};

// The attempts that a module has now. Ending one twice, or one that never began, is nothing.
class RunningAttempts {
 public:
  void begun(AttemptToken token) EXCLUDES(mutex_);
  void ended(AttemptToken token) EXCLUDES(mutex_);
  int count() const EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::set<AttemptToken> tokens_ GUARDED_BY(mutex_);
};

// Threads: any.
class Generation {
 public:
  // `copy`: the private file its code is loaded from, `digest` of which names the contents.
  Generation(int number, const Settings& settings, Settings::Module module, std::string copy,
             std::string digest, std::unique_ptr<ModuleRunner> runner)
      : number_(number),
        module_(std::move(module)),
        worker_(settings.worker),
        copy_(std::move(copy)),
        digest_(std::move(digest)),
        runner_(std::move(runner)) {}

  // From 1, never used twice by one module of one process.
  int number() const { return number_; }
  const Settings::Module& module() const { return module_; }
  ModuleRunner& runner() { return *runner_; }
  const ModuleRunner& runner() const { return *runner_; }
  bool inProcess() const { return module_.isolation == "in_process"; }
  // What its end may take once no attempt runs.
  Milliseconds stopGrace() const { return inProcess() ? kInProcessStopGrace : worker_.stop_grace; }

  // Whether a load of `module` from a file with this digest would be the same again. Not when the
  // copy has gone that the next worker would be started from.
  bool isSame(const Settings& settings, const Settings::Module& module,
              const std::string& digest) const;

  int running() const { return attempts_->count(); }

  // Its Lease is gone: it will never be given another attempt.
  bool released() const { return released_; }

 private:
  friend class Lease;

  const int number_;
  const Settings::Module module_;
  const Settings::Worker worker_;  // what its worker processes run under
  const std::string copy_;
  const std::string digest_;
  const std::unique_ptr<ModuleRunner> runner_;
  const std::shared_ptr<RunningAttempts> attempts_ = std::make_shared<RunningAttempts>();
  std::atomic<bool> released_{false};
};

// What dispatch holds of a generation: its runner, counted. Not to be stopped through it.
class Lease final : public ModuleRunner {
 public:
  // `released` runs once, on whatever thread drops the lease; it must not block.
  Lease(std::shared_ptr<Generation> generation, std::function<void()> released);
  ~Lease() override;

  const ModuleDescription& description() const override;
  int concurrency() const override;
  void start(Attempt attempt, Ended ended) override;
  void cancel(AttemptToken token) override;
  void abandon(AttemptToken token) override;
  int stuck() const override;
  RunnerHealth health() const override;
  void stop(Milliseconds grace) override;
  bool stillMapped() const override;

 private:
  const std::shared_ptr<Generation> generation_;
  const std::function<void()> released_;
};

}  // namespace modhost::host
