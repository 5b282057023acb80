#include "host/inbox/maintenance.h"

#include <algorithm>
#include <utility>

#include "host/base/log.h"

namespace modhost::host {

Maintenance::Maintenance(std::unique_ptr<Database> database, GroupCommit& writer,
                         InboxTables& tables, Clock& clock, MaintenanceSettings settings)
    : database_(std::move(database)),
      writer_(writer),
      tables_(tables),
      clock_(clock),
      settings_(settings),
      thread_("inbox-upkeep", [this] { loop(); }) {}

Maintenance::~Maintenance() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
    changed_.notifyAll();
  }
  thread_.join();
}

void Maintenance::loop() {
  SteadyTime retain_at = clock_.steadyNow();
  while (!stopping()) {
    const SteadyTime now = clock_.steadyNow();
    if (now >= retain_at) {
      retain();
      retain_at = now + settings_.retention_period;
    }
    if (!waitUntil(now + settings_.checkpoint_period)) return;
    checkpoint();
  }
}

bool Maintenance::waitUntil(SteadyTime deadline) {
  MutexLock lock(mutex_);
  while (!stop_ && clock_.steadyNow() < deadline) clock_.waitUntil(changed_, mutex_, deadline);
  return !stop_;
}

bool Maintenance::stopping() const {
  MutexLock lock(mutex_);
  return stop_;
}

// A passive checkpoint blocks nobody, but while commits keep coming it never quite catches up, and
// the WAL never starts over.
void Maintenance::checkpoint() {
  const int pages = writer_.walPages();
  if (pages == checkpointed_pages_) return;
  try {
    if (database_->checkpoint(false)) checkpointed_pages_ = pages;
  } catch (const SqlError& error) {
    const Error told = toError(error);
    if (error.fault == SqlFault::kFatal) return writer_.failForGood(told);
    logWarn("inbox", "a checkpoint failed", {{"error", told.message}});
  }
  if (pages > settings_.wal_pages_max) restartWal();
}

// On the writer, so that no accept meets a locked database; the passive one before it left little
// to copy.
void Maintenance::restartWal() {
  writer_.runBetween([this](Database& database) {
    database.setBusyTimeout(0);  // a long reader is not waited for: the next time will do
    try {
      (void)database.checkpoint(true);
    } catch (const SqlError& error) {
      if (error.fault == SqlFault::kFatal) writer_.failForGood(toError(error));
    }
    database.setBusyTimeout(kWriterBusyMs);
  });
}

void Maintenance::retain() {
  const WallTime now = clock_.wallNow();
  EventSeq after = 0;
  while (!stopping() && pruneEventSlice(after, now - settings_.retention)) continue;
  while (!stopping() && pruneDeadSlice(now - settings_.dead_retention)) continue;
}

bool Maintenance::pruneEventSlice(EventSeq& after, WallTime cutoff) {
  std::optional<EventSeq> last;
  const Result<void> pruned = writer_.commit(Strength::kProcess, [&]() -> Result<void> {
    last = tables_.pruneEvents(after, cutoff, settings_.slice);
    return {};
  });
  if (!pruned || !last) return false;
  after = *last;
  return true;
}

bool Maintenance::pruneDeadSlice(WallTime cutoff) {
  int dropped = 0;
  const Result<void> pruned = writer_.commit(Strength::kProcess, [&]() -> Result<void> {
    dropped = tables_.pruneDead(settings_.dead_max, cutoff, settings_.slice);
    return {};
  });
  if (dropped > 0)
    logWarn("inbox", "dead letters were dropped by their limits", {{"count", dropped}});
  return pruned.ok() && dropped == settings_.slice;
}

}  // namespace modhost::host
