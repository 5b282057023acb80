// Maintenance: what the inbox's files need besides writes: checkpoints of the WAL and retention, on
// a thread of its own, in steps small enough that no accept waits long for one.
#pragma once

#include <cstdint>
#include <memory>

#include "host/base/clock.h"
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

class Maintenance {
 public:
  // `database`: the checkpoints' own connection.
  Maintenance(std::unique_ptr<Database> database, GroupCommit& writer, InboxTables& tables,
              Clock& clock, MaintenanceSettings settings);
  ~Maintenance();

 private:
  void loop();
  bool waitUntil(SteadyTime deadline);
  bool stopping() const;
  void checkpoint();
  void restartWal();
  void retain();
  bool pruneEventSlice(EventSeq& after, WallTime cutoff);
  bool pruneDeadSlice(WallTime cutoff);

  const std::unique_ptr<Database> database_;
  GroupCommit& writer_;
  InboxTables& tables_;
  Clock& clock_;
  const MaintenanceSettings settings_;
  int checkpointed_pages_ = 0;  // of the WAL, when it was last copied in full

  mutable Mutex mutex_;
  CondVar changed_;
  bool stop_ GUARDED_BY(mutex_) = false;

  Thread thread_;  // last: it uses everything above
};

}  // namespace modhost::host
