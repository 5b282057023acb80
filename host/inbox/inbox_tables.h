// InboxTables: every change of the inbox's tables, each to be called inside a transaction that the
// caller opens and ends. Counts are kept, never counted: the tally changes with the rows and is
// stored with them.
//
// A method either changes all it says, returns an Error having changed nothing, or throws SqlError,
// after which the transaction must be rolled back.
//
// Threads: one (the writer's), but for tally().
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "host/base/clock.h"
#include "host/base/mutex.h"
#include "host/base/result.h"
#include "host/inbox/database.h"
#include "host/inbox/delivery_life.h"
#include "host/inbox/inbox.h"
#include "host/inbox/recent_lives.h"
#include "host/inbox/waiting_lanes.h"

namespace modhost::host {

// The one row of the table `inbox`.
struct Tally {
  std::int64_t epoch = 0;
  EventSeq last_seq = 0;
  std::int64_t last_dead_number = 0;
  InboxStats stats;
};

class InboxTables {
 public:
  struct Limits {
    std::int64_t waiting_max = 0;
    bool keep_bodies = false;
  };

  InboxTables(Database& database, const Clock& clock, Limits limits);

  // --- the transaction's edges ---

  // Before COMMIT: stores the tally if it changed.
  void beforeCommit();
  // After COMMIT: shows the tally to other threads.
  void committed();
  // After ROLLBACK: forgets what was counted and learned since the last COMMIT.
  void rolledBack();
  // As of the last COMMIT. Any thread.
  Tally tally() const;

  // --- events ---

  // kDuplicate, or kFull (`disk_low` says the disk is; an event known already is a duplicate even
  // then).
  Result<EventSeq> accept(const Event& event, std::span<const Target> targets, bool disk_low);
  Result<EventSeq> park(const Event& event, const Target& target, std::string_view why,
                        bool disk_low);

  // --- deliveries ---

  // Takes the file over: a new epoch, and what was running is recovered.
  void recover();
  // kInvalid: one of them is not waiting.
  Result<void> begin(std::span<const Begin> begins);
  void settle(const Settlement& settlement);
  int openDeliveries(EventSeq seq);

  // --- the ledger ---

  // kInvalid: one of them is of a delivery that is not open.
  Result<void> record(std::span<const LedgerEntry> entries);

  // --- dead letters ---

  // See DeadLetters::replay; `targets` is not empty.
  Result<void> replay(const DeliveryKey& key, std::span<const Target> targets, CompanyKey company);
  Result<void> drop(const DeliveryKey& key);

  // --- retention; each examines at most `slice` rows ---

  // Deletes ended events received before `cutoff`, from `after` on. The last seq examined; nullopt:
  // no older event is left.
  std::optional<EventSeq> pruneEvents(EventSeq after, WallTime cutoff, int slice);
  // Drops the oldest dead letters: those beyond `dead_max`, and those that died before `cutoff`.
  // How many.
  int pruneDead(std::int64_t dead_max, WallTime cutoff, int slice);

 private:
  using TargetId = std::int64_t;

  struct Row {  // of `delivery`
    EventSeq seq = 0;
    TargetId target = 0;
    DeliveryLife life;
  };

  Result<EventSeq> addEvent(const Event& event, std::int64_t open, std::int64_t dead, bool full,
                            const char* full_why);
  void addDelivery(const Row& row, WallTime answer_from, CompanyKey company);
  std::optional<Row> findDelivery(const DeliveryKey& key);
  void storeLife(const Row& row);
  void addDeadLetter(const Row& row, std::string_view why);
  std::optional<std::string> latestError(const Row& row);
  void addRecord(const Row& row, End end, std::string_view error);
  // Moves `open` and `dead` of the event; deletes what is no longer needed when both are 0.
  void countEvent(EventSeq seq, int open, int dead);
  void deleteEnded(EventSeq seq);
  void storeEntry(const LedgerEntry& entry);
  void removeDeadLetter(std::int64_t number);
  bool isIdle(EventSeq seq, const Target& target);
  void moveState(DeliveryState from, DeliveryState to);
  std::int64_t* counterOf(DeliveryState state);
  TargetId targetId(const Target& target);
  std::int64_t nowMs() const;

  const Clock& clock_;
  const Limits limits_;

  Tally working_;
  bool changed_ = false;
  std::map<Target, TargetId> target_ids_;
  // Events that have, or had, rows in `step`, `attempt_record` or `trace`: of most there is nothing to delete.
  std::unordered_set<EventSeq> traced_;
  RecentLives lives_;  // of rows of `delivery`; whoever writes there says so here

  mutable Mutex mutex_;
  Tally committed_ GUARDED_BY(mutex_);

  struct Statements;
  struct StatementsDelete {
    void operator()(Statements* statements) const;
  };
  std::unique_ptr<Statements, StatementsDelete> sql_;
};

}  // namespace modhost::host
