// WorkerRunner: the module in a worker process of its own, so that whatever it does ends a process
// and not the host. The host never maps the module's file.
//
// One process serves; attempts started while none is ready, or while it has much to read yet, wait.
// When it dies, every attempt it had ends as kInterrupted: `suspect` is false only for those that
// are known to be innocent (another one's thread got the fatal signal, or the host itself ended the
// process). It is replaced after a back-off with jitter, for ever. A process with an abandoned
// attempt is retired: a fresh one serves, the retired one ends when its other attempts have. So is
// one that has grown to most of its memory.
//
// Each attempt that is to run alone gets a process of its own, which ends with it; so does the
// death of that process, which no other attempt waits for.
//
// One thread per runner owns all of its processes: it spawns them and does their I/O. `ended` and
// the module's platform calls run on it.
#pragma once

#include <memory>
#include <string>

#include "host/modules/library.h"
#include "host/modules/module_runner.h"
#include "host/modules/module_sink.h"
#include "host/modules/worker_protocol.h"

namespace modhost::host {

struct WorkerSettings {
  std::string worker_program = "/proc/self/exe";  // run as `… worker`
  // Address space of a worker: this, and kWorkerBytesPerAttempt for each of its concurrency. 0: no
  // limit.
  std::int64_t memory_max_bytes = 512LL << 20;
  int files_max = 1'024;
  std::size_t frame_max_bytes = kFrameBytesDefault;
  Milliseconds start_timeout{10'000};  // from spawn to READY
  Milliseconds stop_grace{4'000};      // between SIGTERM and SIGKILL
  Milliseconds restart_backoff{
      100};  // doubled with each worker that ended without ending any attempt
  Milliseconds restart_backoff_max{30'000};
};

// A thread's stack, its share of malloc's arenas, and an event of a common size a few times over.
inline constexpr std::int64_t kWorkerBytesPerAttempt = 2LL << 20;
// While a worker has so much unread, no more events are given to it: a burst is no fault of its own.
inline constexpr std::size_t kWorkerUnreadEventsMax = 64u << 20;
// What it may leave unread with our replies before it counts as broken.
inline constexpr std::size_t kWorkerUnsentBytesMax = 128u << 20;
// Bodies of its platform calls that are in flight; further calls are refused.
inline constexpr std::size_t kWorkerCallBytesMax = 64u << 20;
// What is read of a worker, its stderr included: so much at once, then so much a second. One that
// says more waits, and no thread of the host is kept busy by it. Each frame and line costs
// kWorkerFrameCost besides its own bytes.
inline constexpr double kWorkerTalkBurst = 64 << 20;
inline constexpr double kWorkerTalkPerSecond = 64 << 20;
inline constexpr double kWorkerFrameCost = 256;
// A worker that has grown to this share of its memory is replaced before its allocations fail.
inline constexpr double kWorkerMemoryFull = 0.9;

// What a worker for so many attempts at once is told first.
StartFrame startFor(const ModuleCopy& copy, const WorkerSettings& settings, int concurrency);

// Loads the copy in a worker process, to learn what it is, and ends the process. kInvalid: it
// cannot be loaded, in the loader's words; kUnavailable: no worker could be run, or it died or took
// longer than start_timeout, with the last line of its stderr. Blocks.
Result<ModuleDescription> describeInWorker(const ModuleCopy& copy, const WorkerSettings& settings,
                                           Clock& clock);

class WorkerPool;

class WorkerRunner final : public ModuleRunner {
 public:
  // Starts the first worker and waits for it, at most start_timeout. kInvalid: the config does not
  // fit or the module refused, in its words; kUnavailable: it died, or was late. `concurrency` is
  // within the description's.
  static Result<std::unique_ptr<WorkerRunner>> create(ModuleCopy copy,
                                                      ModuleDescription description,
                                                      int concurrency, std::string config_json,
                                                      WorkerSettings settings,
                                                      std::shared_ptr<HostModuleSink> sink,
                                                      Metrics& metrics, Clock& clock);
  // stop(0), if stop() was not called.
  ~WorkerRunner() override;

  const ModuleDescription& description() const override;
  int concurrency() const override;
  void start(Attempt attempt, Ended ended) override;
  void cancel(AttemptToken token) override;
  void abandon(AttemptToken token) override;
  int stuck() const override;
  RunnerHealth health() const override;
  bool stillMapped() const override { return false; }
  // Not from `ended`.
  void stop(Milliseconds grace) override;

 private:
  explicit WorkerRunner(std::unique_ptr<WorkerPool> pool);

  std::unique_ptr<WorkerPool> pool_;
};

}  // namespace modhost::host
