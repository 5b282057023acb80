// SqliteInbox: the Inbox of one machine, in one SQLite file (WAL). What is stored when, and what
// each crash leaves behind, stands in docs/inbox-format.md; why SQLite, in
// docs/decisions/0002-sqlite-inbox.md.
//
//   callers ──▶ GroupCommit (one writer thread) ──▶ InboxTables ──▶ file
//   next()  ──▶ WaitingLanes (memory), else InboxReader (a second connection)
//   Maintenance: checkpoints and retention on a third
//
// Threads: every method from any thread. Callbacks (onReady, onFailure, record's done) run on the
// writer thread without locks held and must not call a method that blocks for a commit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/inbox/dead_letters.h"
#include "host/inbox/inbox.h"

namespace modhost::host {

struct SqliteInboxSettings {
  std::string path;  // of the database; -wal, -shm and .lock lie beside it
  std::string vfs;   // a registered SQLite VFS; empty: SQLite's own

  std::int64_t waiting_max = 1'000'000;        // deliveries; then accept() answers kFull
  std::size_t in_memory = 4'096;               // fresh deliveries held between accept() and next()
  std::size_t in_memory_bytes_max = 64 << 20;  // … and their bodies
  std::int64_t disk_free_min_bytes =
      64 << 20;  // then accept() answers kFull, so that settles still fit

  Milliseconds retention{7LL * 24 * 3'600 * 1'000};  // of ids (for duplicates), from receipt
  std::int64_t dead_max = 100'000;                   // dead letters; the oldest are dropped
  Milliseconds dead_retention{30LL * 24 * 3'600 * 1'000};
  bool keep_bodies = false;  // keep a body until retention, not only until its event ended

  Milliseconds settle_linger{5};  // a settle() that finds no commit to ride in waits this long
  Milliseconds checkpoint_period{200};
  Milliseconds retention_period{60'000};
  int wal_pages_max = 16'384;  // of 4 KiB; then the WAL is made to start over
};

class SqliteInbox final : public Inbox, public DeadLetters {
 public:
  // Opens or creates the file, takes it over from its last owner (a new epoch) and recovers what
  // that left running. Quick however much waits. The message of an error is fit for an operator.
  // kNotOwner: another host has it. kInvalid: it can not be used (rights, a newer schema, a network
  // disk). kUnavailable, kCorrupt: as ever.
  static Result<std::unique_ptr<SqliteInbox>> open(SqliteInboxSettings settings, Clock& clock,
                                                   Metrics& metrics);
  // Commits what was settled, then gives the file up.
  ~SqliteInbox() override;

  Result<Accepted> accept(const EventPtr& event, std::span<const Target> targets) override;
  void acceptThen(const EventPtr& event, std::vector<Target> targets, AcceptDone done) override;
  Result<Accepted> park(const Event& event, const Target& target, std::string_view why) override;
  void onReady(std::function<void(const Target&)> ready) override;
  void onFailure(std::function<void(const Error&)> failed) override;
  Result<std::vector<Delivery>> next(const Target& target, std::size_t max) override;
  Result<std::vector<Target>> openTargets() override;
  Result<void> begin(std::span<const Begin> begins) override;
  void settle(std::vector<Settlement> settlements) override;
  Result<std::vector<int>> openDeliveriesOf(std::span<const EventSeq> seqs) override;
  Result<Ledger> ledger(const DeliveryKey& key) override;
  void record(std::vector<LedgerEntry> entries, Done done) override;
  Result<InboxStats> stats() override;

  Result<std::vector<DeadLetter>> deadLetters(std::int64_t after, std::size_t max) override;
  Result<EventPage> page(const EventQuery& query) override;
  Result<EventSeq> seqOf(const std::string& event_id) override;
  Result<EventStory> story(EventSeq seq) override;
  Result<std::string> body(EventSeq seq) override;
  Result<void> replay(const DeliveryKey& key, std::span<const Target> targets) override;
  Result<void> drop(const DeliveryKey& key) override;

  // When the oldest event with an open delivery was received; nullopt: none is open, or it cannot be
  // read. Costs a look into an index per target.
  std::optional<WallTime> oldestOpen();

  // How often this file was opened: the owner that marks what it runs.
  std::int64_t epoch() const;

 private:
  class Impl;
  explicit SqliteInbox(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace modhost::host
