// WorkerPool: the processes of one module and who runs in which; the inside of WorkerRunner.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "host/base/thread.h"
#include "host/modules/mailbox.h"
#include "host/modules/worker_process.h"
#include "host/modules/worker_runner.h"

struct pollfd;

namespace modhost::host {

// Threads: the public methods any, but stop() and awaitFirst() not the pool's own.
class WorkerPool {
 public:
  WorkerPool(ModuleCopy copy, ModuleDescription description, int concurrency,
             std::string config_json, WorkerSettings settings, std::shared_ptr<HostModuleSink> sink,
             Metrics& metrics, Clock& clock);
  ~WorkerPool() { stop(Milliseconds(0)); }

  // How the first worker's start went; waits for it.
  Result<void> awaitFirst() EXCLUDES(mutex_);

  const ModuleDescription& description() const { return description_; }
  int concurrency() const { return concurrency_; }
  int stuck() const { return stuck_; }
  void start(Attempt attempt, ModuleRunner::Ended ended);
  void cancel(AttemptToken token);
  void abandon(AttemptToken token);
  void stop(Milliseconds grace);

 private:
  struct Running {
    Attempt attempt;
    ModuleRunner::Ended ended;
    int calls_in_flight = 0;
    bool cancelled = false;
  };
  enum class State { kLoading = 1, kStarting, kServing, kRetired, kStopping };
  struct Member {
    std::uint64_t serial = 0;
    std::unique_ptr<WorkerProcess> process;
    State state = State::kLoading;
    std::map<AttemptToken, Running> running;
    std::set<AttemptToken> abandoned;
    SteadyTime start_deadline{};
    std::optional<SteadyTime> term_at, kill_at;
    std::string ended_by_host;  // why the host ended it; empty: it did not
    bool broke_protocol = false;
    bool blameless = false;  // the host ended it for no fault of what runs in it now
    bool worked = false;     // it has ended an attempt
  };
  using MemberPtr = std::unique_ptr<Member>;

  // The loop.
  void run();
  void poll();
  void serve(Member& member, const pollfd* fds);
  void keepTime();
  SteadyTime nextTimer() const;
  bool finished() const;

  // Processes.
  void keepServing();
  void spawn();
  void spawnFailed(const std::string& why);
  void backOff(const Member& dead);
  void readFrames(Member& member);
  void drainAndBury(Member& member);
  static std::optional<AttemptToken> guiltyOf(const Member& member,
                                              const std::optional<FaultNote>& fault);
  void interruptAll(Member& member, const std::string& how, std::optional<AttemptToken> guilty);
  void endByHost(Member& member, const std::string& why);
  void retire(Member& member);
  void checkRetired(Member& member);
  void drain(Member& member, Milliseconds grace);
  void reportFirst(Result<void> result) EXCLUDES(mutex_);
  void countStuck();

  // Frames. False: this frame may not come now, or cannot be read.
  bool onFrame(Member& member, const Frame& frame);
  bool onHello(Member& member, const Frame& frame);
  bool onRefused(Member& member, const Frame& frame);
  bool onReady(Member& member);
  bool onResult(Member& member, const Frame& frame);
  bool onCall(Member& member, const Frame& frame);
  bool onLog(const Frame& frame);
  bool onMetric(const Frame& frame);

  // Attempts.
  void begin(Running running);
  void give(Member& member, Running running);
  void onCancel(AttemptToken token);
  void onAbandon(AttemptToken token);
  void onReply(std::uint64_t serial, AttemptToken token, std::uint64_t call_id,
               const ModuleReply& reply);
  void sendReply(Member& member, std::uint64_t call_id, const ModuleReply& reply);
  void onStop(Milliseconds grace);
  Member* serving();

  // Constant after construction.
  const ModuleCopy copy_;
  const ModuleDescription description_;
  const int concurrency_;
  const std::string config_json_;
  const WorkerSettings settings_;
  const std::shared_ptr<HostModuleSink> sink_;
  Clock& clock_;
  const std::shared_ptr<Mailbox> mailbox_;

  // The pool's thread's own.
  std::vector<MemberPtr> members_;
  std::deque<Running> waiting_;  // until a worker is ready
  std::uint64_t last_serial_ = 0;
  int failures_ = 0;  // workers in a row that ended without ending an attempt
  SteadyTime spawn_at_;
  bool stopping_ = false;
  std::minstd_rand jitter_;
  Counter ended_;
  Gauge alive_;

  std::atomic<int> stuck_{0};
  Mutex mutex_;
  CondVar first_changed_;
  std::optional<Result<void>> first_ GUARDED_BY(mutex_);
  Thread thread_;  // last: it uses all of the above
};

}  // namespace modhost::host
