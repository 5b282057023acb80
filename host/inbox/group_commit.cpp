// How a batch is written:
//
//   take all that waits ─▶ BEGIN ─▶ apply each ─▶ COMMIT ─▶ in place? ─▶ finish each
//
// When SQLite refuses, what happens next depends on why:
//   passing  (disk full, busy) rolled back; writes to be kept are tried alone, which needs less
//            room, and go back to the head of the queue if even that fails; the others are told
//            kUnavailable.
//   fatal    (I/O error, damage) after a failed fsync the page cache may have dropped what it could
//            not write, so a later success would prove nothing: no write is tried ever again, and
//            nothing is checkpointed from that WAL by this process.
//   refused  (one bad value) rolled back, then each write gets a transaction of its own, so that
//            only the bad one fails.
#include "host/inbox/group_commit.h"

#include <sqlite3.h>

#include <iterator>
#include <memory>
#include <utility>

#include "host/base/log.h"

namespace modhost::host {
namespace {

const std::vector<double> kCommitSecondsBounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                                  0.01,   0.025,   0.05,   0.1,   0.25,   1};
const std::vector<double> kBatchBounds = {1, 2, 4, 8, 16, 32, 64, 128, 256, 1024};

// One caller waiting for its own write: nobody else is woken by it.
class Waiter {
 public:
  void finish(const Result<void>& outcome) {
    MutexLock lock(mutex_);
    outcome_ = outcome;
    done_.notifyOne();
  }
  Result<void> wait() {
    MutexLock lock(mutex_);
    while (!outcome_) done_.wait(mutex_);
    return *outcome_;
  }

 private:
  Mutex mutex_;
  CondVar done_;
  std::optional<Result<void>> outcome_ GUARDED_BY(mutex_);
};

}  // namespace

int GroupCommit::noteCommit(void* self, sqlite3*, const char*, int wal_pages) {
  auto& writer = *static_cast<GroupCommit*>(self);
  writer.wal_pages_.store(wal_pages, std::memory_order_relaxed);
  writer.wal_commits_.fetch_add(1, std::memory_order_release);
  return SQLITE_OK;
}

GroupCommit::GroupCommit(Database& database, InboxTables& tables, Clock& clock, Metrics& metrics,
                         GroupCommitSettings settings)
    : database_(database),
      tables_(tables),
      clock_(clock),
      settings_(settings),
      commit_seconds_(metrics.histogram("modhost_inbox_commit_seconds",
                                        "Time of one commit of the inbox, its fsync included.",
                                        kCommitSecondsBounds)),
      fsync_seconds_(metrics.histogram(
          "modhost_inbox_fsync_seconds",
          "Time of the last statement of a commit that waits for the disk, which is its fsync.",
          kCommitSecondsBounds)),
      batch_writes_(metrics.histogram("modhost_inbox_batch_writes",
                                      "Writes that shared one commit of the inbox.", kBatchBounds)),
      gauges_(metrics) {
  gauges_.show(tables_.tally().stats);
  sqlite3_wal_hook(database_.raw(), noteCommit, this);
  thread_ = Thread("inbox-writer", [this] { loop(); });
}

GroupCommit::~GroupCommit() { close(); }

void GroupCommit::close() {
  {
    MutexLock lock(mutex_);
    if (std::exchange(stop_, true)) return;
    changed_.notifyOne();
  }
  thread_.join();
  sqlite3_wal_hook(database_.raw(), nullptr, nullptr);
}

void GroupCommit::onFailure(std::function<void(const Error&)> failed) {
  MutexLock lock(mutex_);
  failed_callback_ = std::move(failed);
}

void GroupCommit::enqueue(Write write) {
  MutexLock lock(mutex_);
  const bool rides = write.strength == Strength::kRides;
  if (queue_.empty()) riders_due_ = clock_.steadyNow() + settings_.linger;
  if (!rides) ++urgent_;
  queue_.push_back(std::move(write));
  // The writer is asleep only while nothing was urgent; one notice is enough for all that follows.
  if (queue_.size() == 1 || urgent_ == 1 || queue_.size() == settings_.riding_max) {
    changed_.notifyOne();
  }
}

Result<void> GroupCommit::commit(Strength strength, std::function<Result<void>()> apply) {
  return commit(strength, std::move(apply), nullptr);
}

Result<void> GroupCommit::commit(Strength strength, std::function<Result<void>()> apply,
                                 std::function<void(const Result<void>&)> after) {
  Waiter waiter;
  Write write;
  write.strength = strength;
  write.apply = std::move(apply);
  write.finish = [&waiter, &after](const Result<void>& outcome) {
    if (after) after(outcome);
    waiter.finish(outcome);
  };
  enqueue(std::move(write));
  return waiter.wait();
}

void GroupCommit::runBetween(std::function<void(Database&)> work) {
  Waiter waiter;
  {
    MutexLock lock(mutex_);
    between_.push_back([&waiter, &work](Database& database) {
      work(database);
      waiter.finish({});
    });
    changed_.notifyOne();
  }
  (void)waiter.wait();
}

void GroupCommit::failForGood(const Error& error) {
  MutexLock lock(mutex_);
  if (failure_) return;
  failure_ = Error{ErrorKind::kCorrupt, "storage has failed for good: " + error.message};
  logError("inbox", failure_->message);
  changed_.notifyOne();
}

void GroupCommit::loop() {
  Batch batch;
  std::function<void(Database&)> between;
  while (takeBatch(batch, between)) {
    if (!failure() && !batch.empty()) writeBatch(std::exchange(batch, {}));
    tellFailure();
    if (const std::optional<Error> error = failure()) finishAll(batch, *error);
    batch.clear();
    if (between) std::exchange(between, nullptr)(database_);
  }
}

bool GroupCommit::takeBatch(Batch& batch, std::function<void(Database&)>& between) {
  MutexLock lock(mutex_);
  while (!isDue()) {
    if (stop_ && queue_.empty()) return false;
    if (queue_.empty()) {
      changed_.wait(mutex_);
    } else {
      clock_.waitUntil(changed_, mutex_, riders_due_);
    }
  }
  batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.end()));
  queue_.clear();
  urgent_ = 0;
  backing_off_ = false;
  if (!between_.empty()) {
    between = std::move(between_.front());
    between_.pop_front();
  }
  return true;
}

bool GroupCommit::isDue() {
  if (urgent_ > 0 || !between_.empty()) return true;
  if (failure_ && !failure_told_) return true;
  if (queue_.empty()) return false;
  const bool many = queue_.size() >= settings_.riding_max && !backing_off_;
  return stop_ || many || clock_.steadyNow() >= riders_due_;
}

std::optional<Error> GroupCommit::failure() const {
  MutexLock lock(mutex_);
  return failure_;
}

void GroupCommit::tellFailure() {
  std::function<void(const Error&)> tell;
  Error error;
  {
    MutexLock lock(mutex_);
    if (!failure_ || std::exchange(failure_told_, true)) return;
    tell = failed_callback_;
    error = *failure_;
  }
  if (tell) tell(error);
}

void GroupCommit::writeBatch(Batch batch) {
  try {
    const Outcomes outcomes = transact(batch);
    if (const Result<void> found = settings_.in_place(); !found) {
      failForGood(found.error());
      return finishAll(batch, *failure());
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (batch[i].finish) batch[i].finish(outcomes[i]);
    }
  } catch (const SqlError& error) {
    afterFault(std::move(batch), error);
  }
}

GroupCommit::Outcomes GroupCommit::transact(std::span<const Write> batch) {
  bool power = false;
  for (const Write& write : batch) power = power || write.strength == Strength::kPower;
  const SteadyTime start = clock_.steadyNow();
  Outcomes outcomes;
  try {
    setStrength(power);
    database_.run("BEGIN IMMEDIATE");
    for (const Write& write : batch) outcomes.push_back(write.apply());
    tables_.beforeCommit();
    const SteadyTime written = clock_.steadyNow();
    database_.run("COMMIT");
    if (power) fsync_seconds_.observe(secondsSince(written));
  } catch (const SqlError&) {
    database_.rollback();
    throw;
  }
  tables_.committed();
  tellRecovery();
  gauges_.show(tables_.tally().stats);
  commit_seconds_.observe(secondsSince(start));
  batch_writes_.observe(static_cast<double>(batch.size()));
  return outcomes;
}

double GroupCommit::secondsSince(SteadyTime start) const {
  return std::chrono::duration<double>(clock_.steadyNow() - start).count();
}

// Takes effect between transactions only; SQLite ignores the pragma within one.
void GroupCommit::setStrength(bool power) {
  if (power_ == power) return;
  database_.run(power ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  power_ = power;
}

void GroupCommit::afterFault(Batch batch, const SqlError& error) {
  const Error told = toError(error);
  if (error.fault == SqlFault::kFatal) {
    failForGood(told);
    return finishAll(batch, *failure());
  }
  try {
    tables_.rolledBack();
  } catch (const SqlError& reread) {
    failForGood(toError(reread));
    return finishAll(batch, *failure());
  }
  if (error.fault == SqlFault::kPassing) return writeKept(std::move(batch), told);
  if (batch.size() == 1) {
    logError("inbox", "a write was refused", {{"error", told.message}});
    return finishAll(batch, told);
  }
  for (Write& write : batch) {
    Batch alone;
    alone.push_back(std::move(write));
    writeBatch(std::move(alone));
  }
}

void GroupCommit::writeKept(Batch batch, const Error& error) {
  Batch kept;
  Batch told;
  for (Write& write : batch) (write.keep ? kept : told).push_back(std::move(write));
  tellTrouble(error, kept.size(), told.size());
  finishAll(told, error);
  if (kept.empty()) return;
  if (told.empty()) return requeue(std::move(kept), error);
  writeBatch(std::move(kept));
}

// While the disk stays full every accept fails, and what was settled is tried four times a second.
void GroupCommit::tellTrouble(const Error& error, std::size_t kept, std::size_t refused) {
  refused_untold_ += refused;
  const SteadyTime now = clock_.steadyNow();
  if (trouble_told_at_ && now - *trouble_told_at_ < kTroubleLinePeriod) return;
  trouble_told_at_ = now;
  logWarn(
      "inbox", "a commit failed: new events are refused, what was settled is tried again",
      {{"error", error.message}, {"kept", kept}, {"refused", std::exchange(refused_untold_, 0)}});
}

void GroupCommit::tellRecovery() {
  if (!std::exchange(trouble_told_at_, std::nullopt)) return;
  logInfo("inbox", "commits succeed again", {{"refused", std::exchange(refused_untold_, 0)}});
}

void GroupCommit::requeue(Batch kept, const Error& error) {
  {
    MutexLock lock(mutex_);
    if (!stop_) {
      queue_.insert(queue_.begin(), std::make_move_iterator(kept.begin()),
                    std::make_move_iterator(kept.end()));
      riders_due_ = clock_.steadyNow() + settings_.full_retry;
      backing_off_ = true;
      return;
    }
  }
  // The process ends; what these would have settled is recovered by the next one and runs again.
  logError("inbox", "writes were given up at the end", {{"writes", kept.size()}});
  finishAll(kept, error);
}

void GroupCommit::finishAll(Batch& batch, const Result<void>& outcome) {
  for (Write& write : batch) {
    if (write.finish) write.finish(outcome);
  }
  batch.clear();
}

}  // namespace modhost::host
