#include "host/inbox/sqlite_inbox.h"

#include <algorithm>
#include <filesystem>
#include <future>
#include <system_error>
#include <utility>

#include "host/base/log.h"
#include "host/base/mutex.h"
#include "host/inbox/database.h"
#include "host/inbox/group_commit.h"
#include "host/inbox/inbox_connections.h"
#include "host/inbox/inbox_file.h"
#include "host/inbox/inbox_reader.h"
#include "host/inbox/inbox_tables.h"
#include "host/inbox/inbox_views.h"
#include "host/inbox/maintenance.h"
#include "host/inbox/pending_records.h"
#include "host/inbox/rescue.h"
#include "host/inbox/waiting_lanes.h"

namespace modhost::host {
namespace {

// One read transaction of a backlog stays short: at most this many rows, or bytes of bodies.
constexpr std::size_t kPageRows = 256;
constexpr std::size_t kPageBytes = 8 << 20;

Delivery freshDelivery(const WaitingLanes::Waiting& waiting, const Target& target) {
  Delivery delivery;
  delivery.key = {waiting.seq, target};
  delivery.event = waiting.event;
  delivery.answer_from = waiting.event->received_at;
  return delivery;
}

// SQLite keeps the WAL beside the file a link leads to, so that is where all of it is looked for.
std::string realPath(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path real = std::filesystem::canonical(path, failed);
  return failed ? path : real.string();
}

void takeOver(Database& database, InboxTables& tables) {
  database.run("BEGIN IMMEDIATE");
  tables.recover();
  tables.beforeCommit();
  database.run("COMMIT");
  tables.committed();
}

MaintenanceSettings maintenanceSettings(const SqliteInboxSettings& settings) {
  MaintenanceSettings upkeep;
  upkeep.checkpoint_period = settings.checkpoint_period;
  upkeep.wal_pages_max = settings.wal_pages_max;
  upkeep.retention = settings.retention;
  upkeep.dead_max = settings.dead_max;
  upkeep.dead_retention = settings.dead_retention;
  upkeep.retention_period = settings.retention_period;
  return upkeep;
}

GroupCommitSettings commitSettings(const SqliteInboxSettings& settings,
                                   std::function<Result<void>()> in_place) {
  GroupCommitSettings commits;
  commits.linger = settings.settle_linger;
  commits.in_place = std::move(in_place);
  return commits;
}

}  // namespace

// Members stand in start order; the destructor takes them down in reverse: upkeep, then the writer
// (which commits what is queued), then the connections, then the lock on the file.
class SqliteInbox::Impl {
 public:
  Impl(const SqliteInboxSettings& settings, InboxFile file, std::unique_ptr<Database> database,
       Clock& clock, Metrics& metrics)
      : path_(settings.path),
        file_(std::move(file)),
        database_(std::move(database)),
        tables_(*database_, clock, {settings.waiting_max, settings.keep_bodies}),
        reader_(connectReader(settings)),
        views_(connectReader(settings)),
        lanes_(settings.in_memory, settings.in_memory_bytes_max),
        disk_(settings.path, settings.disk_free_min_bytes, clock),
        accepted_(metrics.counter("modhost_inbox_accepted_total", "Events stored.")),
        duplicates_(metrics.counter("modhost_inbox_duplicates_total",
                                    "Events refused because their id was stored before.")) {
    takeOver(*database_, tables_);
    inherited_to_ = tables_.tally().last_seq;
    if (const Result<void> marked = file_.markInUse(); !marked) {
      throw SqlError(SqlFault::kFatal, marked.error().message);
    }
    for (const Target& target : reader_.openTargets()) {
      reader_.open(target, [&](EventSeq seq, CompanyKey company) {
        lanes_.addStored(target, company, seq);
      });
    }
    writer_ = std::make_unique<GroupCommit>(*database_, tables_, clock, metrics,
                                            commitSettings(settings, [this] { return inPlace(); }));
    upkeep_ = std::make_unique<Maintenance>(connect(settings), *writer_, tables_, clock, metrics,
                                            maintenanceSettings(settings));
  }

  // What ends well ends in one file. After a failed fsync everything stays as it is on disk, for
  // the next opening to check.
  ~Impl() {
    upkeep_.reset();
    writer_->close();
    if (!file_.inPlace()) {
      leaveWhatIsLeft();
    } else if (!writer_->failed()) {
      closeInOrder();
    }
  }

  Result<Accepted> accept(const EventPtr& event, std::span<const Target> targets) {
    std::promise<Result<Accepted>> accepted;
    acceptThen(event, {targets.begin(), targets.end()},
               [&accepted](Result<Accepted> outcome) { accepted.set_value(std::move(outcome)); });
    return accepted.get_future().get();
  }

  void acceptThen(const EventPtr& event, std::vector<Target> targets, AcceptDone done) {
    struct Accepting {
      EventPtr event;
      std::vector<Target> targets;
      AcceptDone done;
      bool disk_low = false;
      EventSeq seq = 0;
    };
    auto one = std::make_shared<Accepting>(
        Accepting{event, std::move(targets), std::move(done), disk_.isLow()});
    Write write;
    write.strength = Strength::kPower;
    write.apply = [this, one] {
      return keep(tables_.accept(*one->event, one->targets, one->disk_low), one->seq);
    };
    write.finish = [this, one](const Result<void>& committed) {
      if (committed) announce(one->event, one->seq, one->targets);
      one->done(counted(committed, one->seq));
    };
    writer_->enqueue(std::move(write));
  }

  Result<Accepted> park(const Event& event, const Target& target, std::string_view why) {
    EventSeq seq = 0;
    const bool disk_low = disk_.isLow();
    const Result<void> committed = writer_->commit(
        Strength::kPower, [&] { return keep(tables_.park(event, target, why, disk_low), seq); });
    return counted(committed, seq);
  }

  // Goes on only while there was nothing to hand out: the caller comes back for more.
  Result<std::vector<Delivery>> next(const Target& target, std::size_t max) {
    std::vector<Delivery> given;
    while (given.empty()) {
      const std::vector<WaitingLanes::Taken> taken = lanes_.take(target, std::min(max, kPageRows));
      if (taken.empty()) break;
      if (const Result<void> read = give(target, taken, given); !read && given.empty()) {
        return read.error();
      }
    }
    return given;
  }

  Result<std::vector<Target>> openTargets() {
    return reading([&] { return reader_.openTargets(); });
  }

  Result<void> begin(std::span<const Begin> begins) {
    return writer_->commit(Strength::kProcess, [&] { return tables_.begin(begins); });
  }

  void settle(std::vector<Settlement> settlements) {
    Write write;
    write.strength = Strength::kRides;
    write.keep = true;
    write.apply = [this, settlements = std::move(settlements)]() -> Result<void> {
      for (const Settlement& settlement : settlements) tables_.settle(settlement);
      return {};
    };
    writer_->enqueue(std::move(write));
  }

  Result<std::vector<int>> openDeliveriesOf(std::span<const EventSeq> seqs) {
    std::vector<int> open;
    const Result<void> committed = writer_->commit(Strength::kProcess, [&]() -> Result<void> {
      open.clear();
      for (const EventSeq seq : seqs) open.push_back(tables_.openDeliveries(seq));
      return {};
    });
    if (!committed) return committed.error();
    return open;
  }

  Result<Ledger> ledger(const DeliveryKey& key) {
    pending_.waitForEarlier(key.seq);
    return reading([&] { return reader_.ledger(key); });
  }

  void record(std::vector<LedgerEntry> entries, Done done) {
    auto shared = std::make_shared<const std::vector<LedgerEntry>>(std::move(entries));
    for (const LedgerEntry& entry : *shared) pending_.add(entry.key.seq);
    Write write;
    write.strength = Strength::kProcess;
    write.apply = [this, shared] { return tables_.record(*shared); };
    write.finish = [this, shared, done = std::move(done)](const Result<void>& outcome) {
      for (const LedgerEntry& entry : *shared) pending_.remove(entry.key.seq);
      if (done) done(outcome);
    };
    writer_->enqueue(std::move(write));
  }

  Tally tally() const { return tables_.tally(); }

  std::optional<WallTime> oldestOpen() {
    Result<std::optional<WallTime>> oldest = reading([&] { return views_.oldestOpen(); });
    return oldest ? oldest.value() : std::nullopt;
  }

  InboxStats stats() {
    InboxStats stats = tables_.tally().stats;
    stats.disk_low = disk_.isLow();
    return stats;
  }

  Result<std::vector<DeadLetter>> deadLetters(std::int64_t after, std::size_t max) {
    return reading([&] { return views_.deadLetters(after, max); });
  }

  Result<EventPage> page(const EventQuery& query) {
    return reading([&] { return views_.page(query); });
  }

  Result<EventSeq> seqOf(const std::string& event_id) {
    Result<std::optional<EventSeq>> found = reading([&] { return views_.seqOf(event_id); });
    if (!found) return found.takeError();
    if (!found.value()) return Error{ErrorKind::kInvalid, "no event with this id is kept"};
    return *found.value();
  }

  Result<EventStory> story(EventSeq seq) {
    Result<std::optional<EventStory>> found = reading([&] { return views_.story(seq); });
    if (!found) return found.takeError();
    if (!found.value()) {
      return Error{ErrorKind::kInvalid, "no event " + std::to_string(seq) + " is kept"};
    }
    return std::move(*found.value());
  }

  Result<std::string> body(EventSeq seq) {
    Result<InboxReader::Stored> found = storedBody(seq);
    if (!found) return found.takeError();
    return found.take().body;
  }

  Result<void> replay(const DeliveryKey& key, std::span<const Target> targets) {
    const std::vector<Target> own{key.target};
    if (targets.empty()) targets = own;
    Result<CompanyKey> company = fitForReplay(key.seq, targets);
    if (!company) return company.takeError();
    return writer_->commit(
        Strength::kPower, [&] { return tables_.replay(key, targets, company.value()); },
        [&](const Result<void>& outcome) {
          if (!outcome) return;
          for (const Target& target : targets) {
            lanes_.addStored(target, company.value(), key.seq);
            tellReady(target);
          }
        });
  }

  Result<void> drop(const DeliveryKey& key) {
    return writer_->commit(Strength::kPower, [&] { return tables_.drop(key); });
  }

  void onReady(std::function<void(const Target&)> ready) { ready_ = std::move(ready); }
  void onFailure(std::function<void(const Error&)> failed) {
    writer_->onFailure(std::move(failed));
  }

 private:
  static Result<void> keep(Result<EventSeq> stored, EventSeq& seq) {
    if (!stored) return stored.takeError();
    seq = stored.value();
    return {};
  }

  Result<Accepted> counted(const Result<void>& committed, EventSeq seq) {
    if (committed) {
      accepted_.add();
      return Accepted{seq};
    }
    if (committed.error().kind == ErrorKind::kDuplicate) duplicates_.add();
    return committed.error();
  }

  void announce(const EventPtr& event, EventSeq seq, std::span<const Target> targets) {
    lanes_.accepted(event, seq, targets);
    for (const Target& target : targets) tellReady(target);
  }

  void tellReady(const Target& target) {
    if (ready_) ready_(target);
  }

  // What cannot be read now, or would be too much at once, waits on.
  Result<void> give(const Target& target, std::span<const WaitingLanes::Taken> taken,
                    std::vector<Delivery>& given) {
    std::size_t bytes_read = 0;
    Result<void> outcome;
    for (const WaitingLanes::Taken& one : taken) {
      if (one.waiting.event) {
        given.push_back(freshDelivery(one.waiting, target));
      } else if (!outcome || bytes_read >= kPageBytes) {
        lanes_.putBack(target, one);
      } else {
        outcome = giveStored(target, one, given, bytes_read);
      }
    }
    return outcome;
  }

  Result<void> giveStored(const Target& target, const WaitingLanes::Taken& one,
                          std::vector<Delivery>& given, std::size_t& bytes_read) {
    const DeliveryKey key{one.waiting.seq, target};
    Result<InboxReader::Found> found = reading([&] { return reader_.delivery(key); });
    if (!found) {
      lanes_.putBack(target, one);
      return found.takeError();
    }
    if (found.value().unreadable) setAside(key);
    if (!found.value().delivery) return {};
    given.push_back(std::move(*found.value().delivery));
    given.back().inherited = key.seq <= inherited_to_;
    bytes_read += given.back().event->body.size();
    return {};
  }

  void setAside(const DeliveryKey& key) {
    logError("inbox", "a stored body is no event", {{"target", key.target}, {"seq", key.seq}});
    settle({{key, Settlement::To::kDead, End::kRejected, {}, "its stored body is no event"}});
  }

  Result<InboxReader::Stored> storedBody(EventSeq seq) {
    Result<std::optional<InboxReader::Stored>> found = reading([&] { return reader_.body(seq); });
    if (!found) return found.takeError();
    if (!found.value()) {
      return Error{ErrorKind::kInvalid, "no body is kept for event " + std::to_string(seq)};
    }
    return std::move(*found.value());
  }

  // Whose event it is, if it can be replayed.
  Result<CompanyKey> fitForReplay(EventSeq seq, std::span<const Target> targets) {
    for (const Target& target : targets) {
      if (target != kParkedTarget && target != kUnroutedTarget) continue;
      return Error{ErrorKind::kInvalid, "cannot be replayed for " + target};
    }
    Result<InboxReader::Stored> stored = storedBody(seq);
    if (!stored) return stored.takeError();
    const Result<ParsedEvent> parsed = parseEvent(stored.value().body, stored.value().received_at);
    if (!parsed) return Error{ErrorKind::kInvalid, "its body is no event"};
    return companyKey(parsed.value().event->company_id);
  }

  template <typename Read>
  auto reading(const Read& read) -> Result<decltype(read())> {
    try {
      return read();
    } catch (const SqlError& error) {
      return readFailed(error);
    }
  }

  Result<void> inPlace() const { return file_.inPlace(); }

  void closeInOrder() {
    database_->checkpointOnClose(true);
    file_.markClean();
  }

  // The files were deleted or replaced, but what is in them can be read while they are open.
  void leaveWhatIsLeft() {
    if (file_.ownsDatabase()) return closeInOrder();  // only the WAL's name is gone
    file_.setWalAside();
    if (rescueInbox(*database_, path_, !file_.databaseIsThere())) file_.markClean();
  }

  Error readFailed(const SqlError& error) {
    const Error told = toError(error);
    if (error.fault == SqlFault::kFatal) writer_->failForGood(told);
    return told;
  }

  const std::string path_;
  InboxFile file_;
  const std::unique_ptr<Database> database_;
  InboxTables tables_;
  EventSeq inherited_to_ = 0;  // the last one an earlier process accepted
  InboxReader reader_;
  InboxViews views_;
  WaitingLanes lanes_;
  DiskSpace disk_;
  Counter accepted_;
  Counter duplicates_;
  PendingRecords pending_;
  std::function<void(const Target&)> ready_;  // set before the first accept, as the header says
  std::unique_ptr<GroupCommit> writer_;
  std::unique_ptr<Maintenance> upkeep_;
};

Result<std::unique_ptr<SqliteInbox>> SqliteInbox::open(SqliteInboxSettings settings, Clock& clock,
                                                       Metrics& metrics) {
  settings.path = realPath(settings.path);
  Result<InboxFile> file = InboxFile::open(settings.path);
  if (!file) return file.takeError();
  const std::string prefix = "inbox " + settings.path + ": ";
  try {
    Result<std::unique_ptr<Database>> database = connectWriter(settings);
    if (!database) return Error{database.error().kind, prefix + database.error().message};
    auto impl = std::make_unique<Impl>(settings, file.take(), database.take(), clock, metrics);
    return std::unique_ptr<SqliteInbox>(new SqliteInbox(std::move(impl)));
  } catch (const SqlError& error) {
    const Error told = toError(error);
    const bool damaged = told.kind == ErrorKind::kCorrupt;
    return Error{told.kind,
                 prefix + told.message + (damaged ? "; see docs/inbox-format.md, Repair" : "")};
  }
}

SqliteInbox::SqliteInbox(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteInbox::~SqliteInbox() = default;

Result<Accepted> SqliteInbox::accept(const EventPtr& event, std::span<const Target> targets) {
  return impl_->accept(event, targets);
}

void SqliteInbox::acceptThen(const EventPtr& event, std::vector<Target> targets, AcceptDone done) {
  impl_->acceptThen(event, std::move(targets), std::move(done));
}

Result<Accepted> SqliteInbox::park(const Event& event, const Target& target, std::string_view why) {
  return impl_->park(event, target, why);
}

void SqliteInbox::onReady(std::function<void(const Target&)> ready) {
  impl_->onReady(std::move(ready));
}

void SqliteInbox::onFailure(std::function<void(const Error&)> failed) {
  impl_->onFailure(std::move(failed));
}

Result<std::vector<Delivery>> SqliteInbox::next(const Target& target, std::size_t max) {
  return impl_->next(target, max);
}

Result<std::vector<Target>> SqliteInbox::openTargets() { return impl_->openTargets(); }

Result<void> SqliteInbox::begin(std::span<const Begin> begins) { return impl_->begin(begins); }

void SqliteInbox::settle(std::vector<Settlement> settlements) {
  impl_->settle(std::move(settlements));
}

Result<std::vector<int>> SqliteInbox::openDeliveriesOf(std::span<const EventSeq> seqs) {
  return impl_->openDeliveriesOf(seqs);
}

Result<Ledger> SqliteInbox::ledger(const DeliveryKey& key) { return impl_->ledger(key); }

void SqliteInbox::record(std::vector<LedgerEntry> entries, Done done) {
  impl_->record(std::move(entries), std::move(done));
}

Result<InboxStats> SqliteInbox::stats() { return impl_->stats(); }

Result<std::vector<DeadLetter>> SqliteInbox::deadLetters(std::int64_t after, std::size_t max) {
  return impl_->deadLetters(after, max);
}

Result<EventPage> SqliteInbox::page(const EventQuery& query) { return impl_->page(query); }

Result<EventSeq> SqliteInbox::seqOf(const std::string& event_id) { return impl_->seqOf(event_id); }

Result<EventStory> SqliteInbox::story(EventSeq seq) { return impl_->story(seq); }

Result<std::string> SqliteInbox::body(EventSeq seq) { return impl_->body(seq); }

Result<void> SqliteInbox::replay(const DeliveryKey& key, std::span<const Target> targets) {
  return impl_->replay(key, targets);
}

Result<void> SqliteInbox::drop(const DeliveryKey& key) { return impl_->drop(key); }

std::optional<WallTime> SqliteInbox::oldestOpen() { return impl_->oldestOpen(); }

std::int64_t SqliteInbox::epoch() const { return impl_->tally().epoch; }

}  // namespace modhost::host
