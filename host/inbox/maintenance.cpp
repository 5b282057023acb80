#include "host/inbox/maintenance.h"

#include <algorithm>
#include <utility>

#include "host/base/log.h"
#include "host/inbox/stored_values.h"

namespace modhost::host {

Maintenance::Maintenance(std::unique_ptr<Database> database, GroupCommit& writer,
                         InboxTables& tables, Clock& clock, Metrics& metrics,
                         MaintenanceSettings settings)
    : database_(std::move(database)),
      writer_(writer),
      tables_(tables),
      clock_(clock),
      settings_(settings),
      retention_passes_(metrics.counter("modhost_inbox_retention_passes_total",
                                        "Looks at what has become too old to be kept.")),
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
  noteNewestRow();
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
  const std::int64_t commits = writer_.walCommits();
  if (commits == checkpointed_commits_ || writer_.failed()) return;
  try {
    if (database_->checkpoint(false)) checkpointed_commits_ = commits;
    if (std::exchange(checkpoint_trouble_, false)) logInfo("inbox", "checkpoints succeed again");
  } catch (const SqlError& error) {
    const Error told = toError(error);
    if (error.fault == SqlFault::kFatal) return writer_.failForGood(told);
    if (!std::exchange(checkpoint_trouble_, true)) {
      logWarn("inbox", "a checkpoint failed, the WAL grows until one succeeds",
              {{"error", told.message}});
    }
  }
  if (writer_.walPages() > settings_.wal_pages_max) restartWal();
}

// On the writer, so that no accept meets a locked database; the passive one before it left little
// to copy.
void Maintenance::restartWal() {
  writer_.runBetween([this](Database& database) {
    if (writer_.failed()) return;
    database.setBusyTimeout(0);  // a long reader is not waited for: the next time will do
    try {
      (void)database.checkpoint(true);
    } catch (const SqlError& error) {
      if (error.fault == SqlFault::kFatal) writer_.failForGood(toError(error));
    }
    database.setBusyTimeout(kWriterBusyMs);
  });
}

// The newest row is the last that is known of the time before this process.
void Maintenance::noteNewestRow() {
  wall_seen_ = clock_.wallNow();
  steady_seen_ = clock_.steadyNow();
  try {
    const std::string newest = database_->ask(
        "SELECT max(coalesce((SELECT received_ms FROM event ORDER BY seq DESC LIMIT 1), 0), "
        "coalesce((SELECT died_ms FROM dead_letter ORDER BY number DESC LIMIT 1), 0))");
    if (newest != "0") wall_seen_ = fromMs(std::stoll(newest));
  } catch (const SqlError& error) {
    if (error.fault == SqlFault::kFatal) writer_.failForGood(toError(error));
  }
}

bool Maintenance::trustsClock() {
  const WallTime wall = clock_.wallNow();
  const SteadyTime steady = clock_.steadyNow();
  const auto passed =
      std::chrono::duration_cast<Milliseconds>(steady - std::exchange(steady_seen_, steady));
  const Milliseconds leap = wall - std::exchange(wall_seen_, wall) - passed;
  if (leap > kClockLeap) {
    leapt_ += leap;
    distrusted_until_ = steady + kLeapPatience;
    logWarn("inbox", "the clock leapt ahead: nothing is deleted for its age until it is believed",
            {{"hours", leap / std::chrono::hours(1)},
             {"believed_in_hours", kLeapPatience / std::chrono::hours(1)}});
  } else if (distrusted_until_ && (leapt_ += leap) <= kClockLeap) {
    distrusted_until_.reset();
    logInfo("inbox", "the clock was set back, its word counts again");
  }
  if (distrusted_until_ && steady >= *distrusted_until_) distrusted_until_.reset();
  if (!distrusted_until_) leapt_ = Milliseconds{};
  return !distrusted_until_;
}

void Maintenance::retain() {
  const bool trusted = trustsClock();
  const WallTime now = clock_.wallNow();
  EventSeq after = 0;
  while (trusted && !stopping() && pruneEventSlice(after, now - settings_.retention)) continue;
  const WallTime dead_cutoff = trusted ? now - settings_.dead_retention : WallTime{};
  while (!stopping() && pruneDeadSlice(dead_cutoff)) continue;
  retention_passes_.add();
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
