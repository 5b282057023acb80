// InProcessRunner: the module's code in this process, on threads of its own. A worker process runs
// its module with this class too.
//
// Threads grow on demand up to `concurrency`; each is in one handle() at a time. An attempt whose
// handle() returned without complete() goes on until the module completes it. What an abandoned
// attempt holds cannot be taken back: its thread is counted as stuck and another takes its place,
// as long as the module's own concurrency_max bears one more handle() at once; beyond that new
// attempts wait for a stuck one to end.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "host/base/thread.h"
#include "host/modules/library.h"
#include "host/modules/module_runner.h"
#include "host/modules/module_sink.h"

namespace modhost::host {

class ModuleCore;

struct InProcessSettings {
  int concurrency = 1;  // 1 … the module's concurrency_max
  std::string config_json = "{}";
  std::size_t thread_stack = kThreadStackDefault;
  // For create() and start() together. In a worker process the host's own limit comes before this.
  Milliseconds start_timeout{600'000};
  // The file the library was loaded from, when it goes with the code: it is removed once the code
  // is unloaded, and kept for debuggers while it is mapped. Null: it is somebody else's.
  std::shared_ptr<ModuleCopy> copy;
  std::function<void()> thread_begin;  // runs first on each of the module's threads; may be empty
};

// Modules of this process that hang in their start, and all that hang in it or in their end. While
// there is one, the process may leave by _Exit() alone: their threads must not meet destructors.
std::size_t modulesNeverStarted();
std::size_t modulesLeftBehind();

// The attempt whose handle() this thread is in; 0: none. Safe in a signal handler.
AttemptToken currentAttempt();

class InProcessRunner final : public ModuleRunner {
 public:
  // Checks the config against the module's schema, makes the instance and starts it. `sink` is
  // closed when threads have to be left behind. Errors in words that fit after "module x: ".
  // kInvalid: the config does not fit, or the module refused; the library is unloaded then.
  // kUnavailable: there was no thread, and it is unloaded; or it was not ready within the
  // start_timeout, and its thread and code stay until this process ends.
  static Result<std::unique_ptr<InProcessRunner>> create(std::unique_ptr<SharedLibrary> library,
                                                         InProcessSettings settings,
                                                         std::shared_ptr<ModuleSink> sink,
                                                         Clock& clock);

  // stop() with a grace of a second, if it was not called.
  ~InProcessRunner() override;

  const ModuleDescription& description() const override;
  int concurrency() const override;
  void start(Attempt attempt, Ended ended) override;
  void cancel(AttemptToken token) override;
  void abandon(AttemptToken token) override;
  int stuck() const override;
  RunnerHealth health() const override { return {}; }

  // Waits for what runs (not-yet-begun attempts end as kInterrupted at once), then stops, destroys
  // and unloads the module, and logs whether it is unloaded or still mapped. When that has not
  // ended within `grace`, its attempts end as kInterrupted, and its threads, instance and code stay
  // until this process ends; the log says so.
  void stop(Milliseconds grace) override;
  bool stillMapped() const override;

 private:
  explicit InProcessRunner(std::shared_ptr<ModuleCore> core);

  std::shared_ptr<ModuleCore> core_;
  bool stopped_ = false;
};

}  // namespace modhost::host
