// WorkerPool: the processes of one module and who runs in which; the inside of WorkerRunner.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "host/base/thread.h"
#include "host/modules/mailbox.h"
#include "host/modules/pace.h"
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
  RunnerHealth health() const EXCLUDES(mutex_);
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
  struct Abandoned {
    std::string event_id;
    LogFields about;
  };
  enum class State { kLoading = 1, kStarting, kServing, kRetired, kStopping };
  struct Member {
    explicit Member(SteadyTime now) : pace(kWorkerTalkBurst, kWorkerTalkPerSecond, now) {}

    std::uint64_t serial = 0;
    std::unique_ptr<WorkerProcess> process;
    bool alone = false;  // for one suspect; else for all that is not
    State state = State::kLoading;
    std::map<AttemptToken, Running> running;
    std::map<AttemptToken, Abandoned> abandoned;
    std::size_t call_bytes = 0;  // of its calls in flight
    SteadyTime start_deadline{};
    std::optional<SteadyTime> term_at, kill_at;
    Pace pace;  // of what it says
    std::optional<SteadyTime> unheard_until;
    bool talk_told = false;         // that it says too much
    std::int64_t memory_limit = 0;  // 0: none
    std::int64_t memory_at_ready = 0;
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
  void hear(Member& member, double bytes);
  void keepTime();
  void keepTimeOf(Member& member, SteadyTime now);
  void keepMemory(SteadyTime now);
  void showResident(std::int64_t bytes);
  SteadyTime nextTimer() const;
  bool finished() const;

  // Processes.
  void keepServing();
  bool commonLives() const;
  std::size_t aloneToSpawn() const;
  void spawn(bool alone);
  void spawnFailed(const std::string& why);
  void backOff(bool was_good);
  void readFrames(Member& member);
  void endByHost(Member& member, const std::string& why);
  void retire(Member& member, const char* why);
  void leaveIfDone(Member& member);

  // Deaths.
  void drainAndBury(Member& member);
  void readLastWords(Member& member);
  static std::optional<AttemptToken> guiltyOf(const Member& member,
                                              const std::optional<FaultNote>& fault, int signal);
  static std::vector<std::string> namedEvents(const Member& member,
                                              std::optional<AttemptToken> guilty);
  void tellOfDeath(const Member& member, const std::string& how, std::optional<AttemptToken> guilty)
      EXCLUDES(mutex_);
  void interruptAll(Member& member, const std::string& how, std::optional<AttemptToken> guilty);
  void drain(Member& member, Milliseconds grace);
  void reportFirst(Result<void> result) EXCLUDES(mutex_);
  void countStuck();
  void countAlive() EXCLUDES(mutex_);

  // Frames. False: this frame may not come now, or cannot be read.
  bool onFrame(Member& member, const Frame& frame);
  bool onHello(Member& member, const Frame& frame);
  bool onRefused(Member& member, const Frame& frame);
  bool onReady(Member& member);
  bool onResult(Member& member, const Frame& frame);
  bool onCall(Member& member, const Frame& frame);
  bool onLog(const Member& member, const Frame& frame);
  bool onMetric(const Frame& frame);

  // Attempts.
  void begin(Running running);
  void giveWaiting();
  void give(Member& member, Running running);
  void giveSuspect(Member& member);
  void onCancel(AttemptToken token);
  void onAbandon(AttemptToken token);
  void onReply(std::uint64_t serial, AttemptToken token, std::uint64_t call_id,
               std::size_t call_bytes, const ModuleReply& reply);
  static std::string refusalOf(const Member& member, const Running& running,
                               const ModuleCall& call);
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
  std::deque<Running> waiting_;        // until the common worker is ready and reads
  std::deque<Running> waiting_alone_;  // each until one of its own is
  std::uint64_t last_serial_ = 0;
  int failures_ = 0;  // workers in a row that ended and had been good for nothing
  SteadyTime spawn_at_;
  SteadyTime memory_at_;  // when sizes are looked at again
  bool stopping_ = false;
  std::minstd_rand jitter_;
  Counter ended_;
  Gauge alive_;
  Gauge resident_;
  int counted_alive_ = 0;            // in alive_
  std::int64_t resident_shown_ = 0;  // in resident_

  std::atomic<int> stuck_{0};
  mutable Mutex mutex_;
  CondVar first_changed_;
  RunnerHealth health_ GUARDED_BY(mutex_);
  std::optional<Result<void>> first_ GUARDED_BY(mutex_);
  Thread thread_;  // last: it uses all of the above
};

}  // namespace modhost::host
