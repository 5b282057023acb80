// GroupCommit: the one thread that writes. Callers enqueue; the writer takes all that waits,
// applies it in one transaction and commits once, so that callers who come while an fsync runs
// share the next one.
//
// Threads: enqueue(), commit(), runBetween() and failForGood() from any thread; finish callbacks
// and the failure callback run on the writer, without locks held.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/base/mutex.h"
#include "host/base/result.h"
#include "host/base/thread.h"
#include "host/inbox/database.h"
#include "host/inbox/inbox_gauges.h"
#include "host/inbox/inbox_tables.h"

namespace modhost::host {

enum class Strength {
  kRides = 1,  // nobody waits: goes with the next commit, or alone after `linger`
  kProcess,    // on return it survives SIGKILL of the host (synchronous=NORMAL)
  kPower,      // on return it survives a power cut (synchronous=FULL)
};

// One caller's part of a batch.
struct Write {
  Strength strength = Strength::kProcess;
  // It must not be lost while the process lives: tried again, in order, until a full disk has room.
  bool keep = false;
  // Runs inside the transaction; again, from the start, if that was rolled back. An Error means
  // that it changed nothing; its neighbours go on.
  std::function<Result<void>()> apply;
  // Runs once, after the commit or when there will be none.
  std::function<void(const Result<void>&)> finish;
};

// How long the writer waits for somebody outside the host (an operator with a shell) to let go of
// the file.
inline constexpr int kWriterBusyMs = 5'000;

struct GroupCommitSettings {
  Milliseconds linger{5};
  std::size_t riding_max = 4'096;  // waiting riders that make a commit due at once
  Milliseconds full_retry{250};    // between tries of kept writes on a full disk
  // Asked after each commit, before anybody is told of it: whether what was written can still be
  // found. Not ok is as final as a failed fsync.
  std::function<Result<void>()> in_place;
};

// How often a disk that stays full is spoken of.
inline constexpr Milliseconds kTroubleLinePeriod{10'000};

class GroupCommit {
 public:
  GroupCommit(Database& database, InboxTables& tables, Clock& clock, Metrics& metrics,
              GroupCommitSettings settings);
  // close(), if it was not called.
  ~GroupCommit();

  // Commits what is queued, then ends the thread. Only failed() may follow.
  void close();

  void onFailure(std::function<void(const Error&)> failed);

  void enqueue(Write write);
  // Enqueues and waits for the outcome. Not from the writer thread.
  Result<void> commit(Strength strength, std::function<Result<void>()> apply);
  // Same, with what else is to happen on the writer after the commit and before the caller goes on.
  Result<void> commit(Strength strength, std::function<Result<void>()> apply,
                      std::function<void(const Result<void>&)> after);
  // Runs `work` on the writer between two transactions and waits for it.
  void runBetween(std::function<void(Database&)> work);

  // From now on every write answers kCorrupt. The first call reaches the failure callback.
  void failForGood(const Error& error);
  bool failed() const { return failure().has_value(); }

  // Pages in the WAL after the latest commit.
  int walPages() const { return wal_pages_.load(std::memory_order_relaxed); }
  // Commits that wrote to the WAL, by this process.
  std::int64_t walCommits() const { return wal_commits_.load(std::memory_order_acquire); }

 private:
  using Batch = std::vector<Write>;
  using Outcomes = std::vector<Result<void>>;

  void loop();
  bool takeBatch(Batch& batch, std::function<void(Database&)>& between);
  bool isDue() REQUIRES(mutex_);
  std::optional<Error> failure() const;
  void tellFailure();
  void writeBatch(Batch batch);
  // Each write's own outcome. Throws SqlError; then nothing was changed.
  Outcomes transact(std::span<const Write> batch);
  void setStrength(bool power);
  double secondsSince(SteadyTime start) const;
  void afterFault(Batch batch, const SqlError& error);
  void writeKept(Batch batch, const Error& error);
  void tellTrouble(const Error& error, std::size_t kept, std::size_t refused);
  void tellRecovery();
  void requeue(Batch kept, const Error& error);
  // SQLite's hook after each commit to the WAL.
  static int noteCommit(void* self, sqlite3*, const char*, int wal_pages);
  static void finishAll(Batch& batch, const Result<void>& outcome);

  Database& database_;
  InboxTables& tables_;
  Clock& clock_;
  const GroupCommitSettings settings_;
  Histogram commit_seconds_;
  Histogram fsync_seconds_;
  Histogram batch_writes_;
  InboxGauges gauges_;  // writer only, once it runs
  std::atomic<int> wal_pages_{0};
  std::atomic<std::int64_t> wal_commits_{0};
  std::optional<SteadyTime> trouble_told_at_;  // set while the latest commit failed; writer only
  std::size_t refused_untold_ = 0;             // since then; writer only
  std::optional<bool> power_;                  // the strength the connection is set to; writer only

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Write> queue_ GUARDED_BY(mutex_);
  std::size_t urgent_ GUARDED_BY(mutex_) = 0;  // queued writes somebody waits for
  SteadyTime riders_due_ GUARDED_BY(mutex_){};
  bool backing_off_ GUARDED_BY(mutex_) = false;  // the disk is full: riders wait for riders_due_
  std::deque<std::function<void(Database&)>> between_ GUARDED_BY(mutex_);
  std::function<void(const Error&)> failed_callback_ GUARDED_BY(mutex_);
  std::optional<Error> failure_ GUARDED_BY(mutex_);
  bool failure_told_ GUARDED_BY(mutex_) = false;
  bool stop_ GUARDED_BY(mutex_) = false;

  Thread thread_;  // last: it uses everything above
};

}  // namespace modhost::host
