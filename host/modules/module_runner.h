// ModuleRunner: runs attempts of one module, in this process or in a worker process. Dispatch sees
// only this.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/event/event.h"
#include "host/modules/platform_calls.h"

namespace modhost::host {

enum class Isolation { kWorker = 1, kInProcess };

// What modules.yaml says about one module, as far as running it goes.
struct ModuleSettings {
  std::string id;
  std::string path;    // of the .so
  std::string sha256;  // of the file, in hex; empty: any
  Isolation isolation = Isolation::kWorker;
  int concurrency = 0;       // 0: what the module's descriptor declares
  std::string config_json;   // object as JSON text, already with the schema's defaults or not
  std::string config_where;  // "modules.yaml:12:5", for messages
  // The place of one member, by its JSON pointer ("/limit"); may be empty, then config_where
  // serves.
  std::function<std::string(const std::string& pointer)> config_position;
};

// What a module says of itself, copied out of its descriptor.
struct ModuleDescription {
  std::string id, version, description, config_schema;
  std::vector<std::string> event_types;
  int concurrency_max = 1;
  Milliseconds timeout_default{};
  bool worker_allowed = true, in_process_allowed = true;
  int abi_major = 0, abi_min_minor = 0;
};

using AttemptToken = std::uint64_t;  // unique within a process, never 0

struct Attempt {
  AttemptToken token = 0;
  EventPtr event;
  int number = 1;  // 1 for the first
  SteadyTime deadline{};
  std::shared_ptr<PlatformCalls> calls;
  // In a worker process of its own, which it shares with no other attempt: it is suspected of
  // having killed one. Nothing else changes; in process it is as any other.
  bool alone = false;
};

// How an attempt came back.
struct AttemptEnd {
  enum class Kind { kOk = 1, kRetry, kReject, kSkipped, kFailed, kInterrupted };
  Kind kind = Kind::kFailed;
  Milliseconds retry_after{};  // kRetry; 0: the configured back-off
  std::string text;     // reason of kReject, kFailed, kInterrupted (signal or exit status named)
  bool suspect = true;  // kInterrupted: this attempt may have killed its worker
};

// How a module's workers fare, for people. In process: nothing of it.
struct RunnerHealth {
  struct Death {
    WallTime at{};
    std::string how;  // "killed by signal 11 (SIGSEGV)", and why, if it was the host who ended it
    // Ids of the events that may have caused it: the guilty one alone when it is known, else all
    // that were in the worker, the first kDeathEventsMax of them.
    std::vector<std::string> events;
  };
  // False: no worker serves, and the latest one ended before it had been good for anything.
  bool up = true;
  int workers = 0;            // processes now
  std::int64_t restarts = 0;  // workers that ended and were not told to
  std::optional<Death> last_death;
};
inline constexpr std::size_t kDeathEventsMax = 64;

// Threads: start(), cancel() and abandon() from any thread. `ended` runs exactly once per started
// attempt,
//   on any thread, maybe before start() returns.
class ModuleRunner {
 public:
  using Ended = std::function<void(AttemptEnd)>;

  virtual ~ModuleRunner() = default;

  virtual const ModuleDescription& description() const = 0;
  virtual int concurrency() const = 0;

  // Runs one attempt; the caller keeps at most concurrency() running. Never blocks on the module.
  virtual void start(Attempt attempt, Ended ended) = 0;

  // Tells the module to give up: context.cancelled() becomes true. It may still end by itself.
  virtual void cancel(AttemptToken token) = 0;

  // The attempt overran: the host no longer waits for it; `ended` will not be called for it (unless
  // it already has been). In a worker: new attempts go to a fresh process, neighbours finish in the
  // old one, which is then ended by SIGTERM and SIGKILL. In process: its thread is counted as
  // stuck.
  virtual void abandon(AttemptToken token) = 0;

  // Threads or workers lost to abandoned attempts that still have not ended.
  virtual int stuck() const = 0;

  // Of its workers; a module in this process has none.
  virtual RunnerHealth health() const = 0;

  // Stops the module: no start() may follow. Attempts still running end as kInterrupted (worker)
  // within `grace`. Returns when its processes are gone.
  virtual void stop(Milliseconds grace) = 0;

  // After stop(): code of the module is still mapped in this process, and stays so.
  virtual bool stillMapped() const = 0;
};

}  // namespace modhost::host
