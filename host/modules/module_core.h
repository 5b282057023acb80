// ModuleCore: one running instance of a module with its threads and attempts; the inside of
// InProcessRunner. A class of its own because it may have to outlive the runner: threads that are
// stuck in module code can neither be joined nor have their code unmapped.
//
// Threads: open() and stop() from one at a time; the module's own calls run on the loader thread.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "host/base/mutex.h"
#include "host/modules/host_table.h"
#include "host/modules/in_process_runner.h"
#include "host/modules/loader_thread.h"

namespace modhost::host {

class ModuleCore final : public HostFunctions, public std::enable_shared_from_this<ModuleCore> {
 public:
  ModuleCore(std::unique_ptr<SharedLibrary> library, InProcessSettings settings,
             std::shared_ptr<ModuleSink> sink, Clock& clock);

  // Makes and starts the instance, or unloads. When that takes longer than the start_timeout,
  // stuck() is 1 from then on and this object must live for ever.
  Result<void> open() EXCLUDES(mutex_);

  const ModuleDescription& description() const { return library_->description(); }
  int concurrency() const { return settings_.concurrency; }
  void start(Attempt attempt, ModuleRunner::Ended ended) EXCLUDES(mutex_);
  void cancel(AttemptToken token) EXCLUDES(mutex_);
  void abandon(AttemptToken token) EXCLUDES(mutex_);
  int stuck() const EXCLUDES(mutex_);
  // Until close() has unloaded the code; where that does nothing, for ever.
  bool mapped() const { return mapped_; }

  // True: everything ended within `grace`, the module is closed. False: this object must live for
  // ever.
  bool stop(Milliseconds grace) EXCLUDES(mutex_);

  // HostFunctions
  void log(AttemptToken token, LogLevel level, std::string_view message,
           std::string_view fields) override EXCLUDES(mutex_);
  void metric(std::int32_t kind, std::string_view name, double value) override;
  void call(AttemptToken token, ModuleCall call, std::function<void(ModuleReply)> done) override
      EXCLUDES(mutex_);
  bool cancelled(AttemptToken token) override EXCLUDES(mutex_);
  void complete(AttemptToken token, AttemptEnd end) override EXCLUDES(mutex_);

 private:
  // Kept by the table until it completes, and by its thread until handle() has returned.
  struct Running {
    Attempt attempt;
    ModuleRunner::Ended ended;  // empty once abandoned
    modhost_event event{};
    int calls_in_flight = 0;
    bool begun = false;     // handle() was called
    bool handling = false;  // and has not returned
    bool cancelled = false;
    bool abandoned = false;
  };
  using RunningPtr = std::shared_ptr<Running>;

  void work() EXCLUDES(mutex_);
  RunningPtr next() EXCLUDES(mutex_);
  void wakeAnother() REQUIRES(mutex_);
  bool mayBegin() const REQUIRES(mutex_);
  void growFor(std::size_t waiting) REQUIRES(mutex_);
  void handled(Running& running) EXCLUDES(mutex_);
  void leave() EXCLUDES(mutex_);
  Result<void> makeInstance();
  Error unloaded(Error error);
  Error startGivenUp() EXCLUDES(mutex_);
  void interruptWaiting() EXCLUDES(mutex_);
  void cancelAll() EXCLUDES(mutex_);
  bool awaitQuiet(SteadyTime until) EXCLUDES(mutex_);
  void giveUp(const std::string& what) EXCLUDES(mutex_);
  bool close(SteadyTime until) EXCLUDES(mutex_);

  // Constant after open().
  const std::unique_ptr<SharedLibrary> library_;
  const InProcessSettings settings_;
  const std::shared_ptr<ModuleSink> sink_;
  Clock& clock_;
  modhost_host host_;
  void* instance_ = nullptr;
  Result<void> opened_;  // the loader thread's until it has run makeInstance()
  std::atomic<bool> mapped_{true};

  mutable Mutex mutex_;
  CondVar work_;   // for threads: something may begin
  CondVar quiet_;  // for stop(): something has ended
  std::unordered_map<AttemptToken, RunningPtr> running_ GUARDED_BY(mutex_);
  std::deque<RunningPtr> waiting_ GUARDED_BY(mutex_);  // not begun
  std::vector<Thread> threads_ GUARDED_BY(mutex_);
  std::size_t idle_ GUARDED_BY(mutex_) = 0;
  bool waking_ GUARDED_BY(mutex_) = false;     // an idle one was notified and has not come yet
  int handling_ GUARDED_BY(mutex_) = 0;        // threads in handle()
  int stuck_handling_ GUARDED_BY(mutex_) = 0;  // of them, with abandoned attempts
  int stuck_ GUARDED_BY(mutex_) = 0;           // abandoned attempts that have not ended
  int inside_ GUARDED_BY(mutex_) = 0;  // calls in flight, and threads about to enter the module
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool given_up_ GUARDED_BY(mutex_) = false;

  LoaderThread loader_;
};

}  // namespace modhost::host
