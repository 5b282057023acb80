// Maintenance: what the inbox's files need besides writes: checkpoints of the WAL and retention, on
// a thread of its own, in steps small enough that no accept waits long for one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/base/mutex.h"
#include "host/base/thread.h"
#include "host/inbox/database.h"
#include "host/inbox/group_commit.h"
#include "host/inbox/inbox_tables.h"

namespace modhost::host {

struct MaintenanceSettings {
  Milliseconds checkpoint_period{200};
  int wal_pages_max =
      16'384;  // 64 MiB: beyond it, readers are waited out so that the WAL starts over
  Milliseconds retention{0};
  std::int64_t dead_max = 0;
  Milliseconds dead_retention{0};
  Milliseconds retention_period{60'000};  // between two passes over what may have become too old
  int slice = 500;                        // rows per transaction of a pass
};

// A wall clock that runs further ahead than this, against the steady one or, at the start, against
// the newest row, is not believed: by it everything would be too old at once. It is believed when
// it has stood by its word for kLeapPatience.
inline constexpr Milliseconds kClockLeap{24LL * 3'600 * 1'000};
inline constexpr Milliseconds kLeapPatience{24LL * 3'600 * 1'000};

class Maintenance {
 public:
  // `database`: the checkpoints' own connection.
  Maintenance(std::unique_ptr<Database> database, GroupCommit& writer, InboxTables& tables,
              Clock& clock, Metrics& metrics, MaintenanceSettings settings);
  ~Maintenance();

 private:
  void loop();
  bool waitUntil(SteadyTime deadline);
  bool stopping() const;
  void checkpoint();
  void restartWal();
  void noteNewestRow();
  // Whether the wall clock's word may delete anything now.
  bool trustsClock();
  void retain();
  bool pruneEventSlice(EventSeq& after, WallTime cutoff);
  bool pruneDeadSlice(WallTime cutoff);

  const std::unique_ptr<Database> database_;
  GroupCommit& writer_;
  InboxTables& tables_;
  Clock& clock_;
  const MaintenanceSettings settings_;
  Counter retention_passes_;

  // Upkeep thread only.
  std::int64_t checkpointed_commits_ = 0;  // those the latest whole checkpoint copied
  bool checkpoint_trouble_ = false;
  WallTime wall_seen_{};  // at steady_seen_
  SteadyTime steady_seen_{};
  std::optional<SteadyTime> distrusted_until_;
  Milliseconds leapt_{};  // by how much, while it is distrusted

  mutable Mutex mutex_;
  CondVar changed_;
  bool stop_ GUARDED_BY(mutex_) = false;

  Thread thread_;  // last: it uses everything above
};

}  // namespace modhost::host
