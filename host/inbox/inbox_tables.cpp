#include "host/inbox/inbox_tables.h"

#include <limits>
#include <utility>

#include "host/base/assert.h"
#include "host/base/log.h"
#include "host/inbox/stored_values.h"

namespace modhost::host {

// Prepared once; each is used by one method, and reset when its Rows go.
struct InboxTables::Statements {
  explicit Statements(Database& db) : database(db) {}
  Database& database;

  Statement load_tally{database,
                       "SELECT epoch, last_seq, last_dead_number, waiting, running, closing, done, "
                       "dead, events, ambiguous_creates FROM inbox"};
  Statement store_tally{database,
                        "UPDATE inbox SET epoch = ?1, last_seq = ?2, last_dead_number = ?3, "
                        "waiting = ?4, running = ?5, closing = ?6, done = ?7, dead = ?8, "
                        "events = ?9, ambiguous_creates = ?10"};
  Statement find_target{database, "SELECT id FROM target WHERE name = ?1"};
  Statement add_target{database, "INSERT INTO target(name) VALUES(?1) RETURNING id"};

  Statement find_event{database, "SELECT seq FROM event WHERE id = ?1"};
  Statement add_event{database,
                      "INSERT INTO event VALUES(?1, ?2, ?3, ?4, ?5, ?6) "
                      "ON CONFLICT(id) DO NOTHING"};
  Statement add_body{database, "INSERT INTO body VALUES(?1, ?2)"};
  Statement add_trace{database, "INSERT INTO trace VALUES(?1, ?2)"};
  Statement delete_trace{database, "DELETE FROM trace WHERE seq = ?1"};
  Statement count_event{database,
                        "UPDATE event SET open = open + ?2, dead = dead + ?3 WHERE seq = ?1"};
  Statement event_counts{database, "SELECT open, dead FROM event WHERE seq = ?1"};
  Statement event_open{database, "SELECT open FROM event WHERE seq = ?1"};
  Statement set_answer{database, "UPDATE event SET answer = ?2 WHERE seq = ?1"};
  Statement oldest_events{database,
                          "SELECT seq, received_ms, open, dead FROM event WHERE seq > ?1 "
                          "ORDER BY seq LIMIT ?2"};
  Statement delete_event{database, "DELETE FROM event WHERE seq = ?1"};
  Statement delete_body{database, "DELETE FROM body WHERE seq = ?1"};
  Statement traced{
      database,
      "SELECT seq FROM step UNION SELECT seq FROM attempt_record UNION SELECT seq FROM trace"};
  Statement delete_steps{database, "DELETE FROM step WHERE seq = ?1"};
  Statement delete_records{database, "DELETE FROM attempt_record WHERE seq = ?1"};

  Statement add_delivery{database,
                         "INSERT INTO delivery VALUES"
                         "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"};
  Statement find_delivery{
      database,
      "SELECT state, attempts, interruptions, unclean_exits, in_process, begun, "
      "due_ms, end FROM delivery WHERE target = ?1 AND seq = ?2"};
  Statement store_life{database,
                       "UPDATE delivery SET state = ?3, attempts = ?4, interruptions = ?5, "
                       "unclean_exits = ?6, in_process = ?7, begun = ?8, due_ms = ?9, end = ?10, "
                       "epoch = ?11 WHERE target = ?1 AND seq = ?2"};
  Statement delete_delivery{database, "DELETE FROM delivery WHERE target = ?1 AND seq = ?2"};
  // `state = 2` in so many words, or SQLite can not use the index over the running ones.
  Statement running{database,
                    "SELECT name, seq FROM delivery JOIN target ON target.id = delivery.target "
                    "WHERE state = 2"};

  Statement last_record{database,
                        "SELECT max(nth) FROM attempt_record WHERE seq = ?1 AND target = ?2"};
  Statement latest_error{database,
                         "SELECT error FROM attempt_record WHERE seq = ?1 AND target = ?2 "
                         "ORDER BY nth DESC LIMIT 1"};
  Statement add_record{database, "INSERT INTO attempt_record VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
  Statement delete_old_records{database,
                               "DELETE FROM attempt_record "
                               "WHERE seq = ?1 AND target = ?2 AND nth <= ?3"};

  Statement find_step{database,
                      "SELECT ambiguous FROM step WHERE seq = ?1 AND target = ?2 AND "
                      "message_id = ?3 AND ord = ?4 AND nth = ?5"};
  Statement store_step{database,
                       "INSERT OR REPLACE INTO step VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"};

  Statement add_dead{database,
                     "INSERT INTO dead_letter VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"};
  Statement find_dead{database,
                      "SELECT number, begun FROM dead_letter WHERE seq = ?1 AND target = ?2"};
  Statement oldest_dead{database,
                        "SELECT number, seq, died_ms FROM dead_letter ORDER BY number LIMIT ?1"};
  Statement delete_dead{database, "DELETE FROM dead_letter WHERE number = ?1"};
};

void InboxTables::StatementsDelete::operator()(Statements* statements) const { delete statements; }

namespace {

constexpr std::int64_t kEveryRecord = std::numeric_limits<std::int64_t>::max();

Error unknown(const DeliveryKey& key, const char* what) {
  return {ErrorKind::kInvalid,
          std::string(what) + ": event " + std::to_string(key.seq) + " for " + key.target};
}

}  // namespace

InboxTables::InboxTables(Database& database, const Clock& clock, Limits limits)
    : clock_(clock), limits_(limits), sql_(new Statements(database)) {
  rolledBack();
  committed();
}

void InboxTables::beforeCommit() {
  if (!changed_) return;
  const InboxStats& stats = working_.stats;
  sql_->store_tally.run(working_.epoch, working_.last_seq, working_.last_dead_number, stats.waiting,
                        stats.running, stats.closing, stats.done, stats.dead, stats.events,
                        stats.ambiguous_creates);
}

void InboxTables::committed() {
  changed_ = false;
  MutexLock lock(mutex_);
  committed_ = working_;
}

void InboxTables::rolledBack() {
  changed_ = false;
  target_ids_.clear();  // one may have been added by what was rolled back
  traced_.clear();
  lives_.forgetAll();
  Rows traced = sql_->traced.rows();
  while (traced.next()) traced_.insert(traced.integer(0));
  Rows row = sql_->load_tally.rows();
  if (!row.next()) throw SqlError(SqlFault::kFatal, "the table inbox has lost its row");
  working_ = {row.integer(0),
              row.integer(1),
              row.integer(2),
              {row.integer(3), row.integer(4), row.integer(5), row.integer(6), row.integer(7),
               row.integer(8), row.integer(9)}};
}

Tally InboxTables::tally() const {
  MutexLock lock(mutex_);
  return committed_;
}

Result<EventSeq> InboxTables::accept(const Event& event, std::span<const Target> targets,
                                     bool disk_low) {
  const auto count = static_cast<std::int64_t>(targets.size());
  const bool full = working_.stats.waiting + count > limits_.waiting_max;
  Result<EventSeq> seq = addEvent(event, count, 0, full || disk_low,
                                  full ? "waiting_max is reached" : "the disk is nearly full");
  if (!seq) return seq;
  for (const Target& target : targets) {
    addDelivery({seq.value(), targetId(target), DeliveryLife{}}, event.received_at,
                companyKey(event.company_id));
  }
  return seq;
}

Result<EventSeq> InboxTables::park(const Event& event, const Target& target, std::string_view why,
                                   bool disk_low) {
  Result<EventSeq> seq = addEvent(event, 0, 1, disk_low, "the disk is nearly full");
  if (!seq) return seq;
  Row row{seq.value(), targetId(target), DeliveryLife{}};
  row.life.state = DeliveryState::kDead;
  row.life.end = End::kRejected;
  ++working_.stats.dead;
  addDeadLetter(row, why);
  return seq;
}

void InboxTables::recover() {
  ++working_.epoch;
  changed_ = true;
  std::vector<DeliveryKey> running;
  {
    Rows rows = sql_->running.rows();
    while (rows.next()) running.push_back({rows.integer(1), rows.text(0)});
  }
  for (const DeliveryKey& key : running) {
    Row row = *findDelivery(key);
    const int attempt = row.life.attempts;
    const bool given_up = recoverLife(row.life);
    moveState(DeliveryState::kRunning, row.life.state);
    storeLife(row);
    if (!given_up) continue;
    row.life.attempts = attempt;
    addRecord(row, End::kInterrupted, givenUpWhy(key.target));
    logError("inbox", givenUpWhy(key.target), {{"target", key.target}, {"seq", key.seq}});
  }
}

Result<void> InboxTables::begin(std::span<const Begin> begins) {
  std::vector<Row> rows;
  rows.reserve(begins.size());
  for (const Begin& begin : begins) {
    std::optional<Row> row = findDelivery(begin.key);
    if (!row || !beginLife(row->life, begin.in_process))
      return unknown(begin.key, "is not waiting");
    rows.push_back(*row);
  }
  for (const Row& row : rows) {
    moveState(DeliveryState::kWaiting, DeliveryState::kRunning);
    storeLife(row);
  }
  return {};
}

void InboxTables::settle(const Settlement& settlement) {
  std::optional<Row> row = findDelivery(settlement.key);
  MODHOST_ASSERT(row.has_value());  // settled twice, or never accepted
  const DeliveryState before = row->life.state;
  const bool closed = before == DeliveryState::kClosing;
  if (leavesRecord(before, settlement, closed ? latestError(*row) : std::nullopt)) {
    addRecord(*row, settlement.end, settlement.error);
  }
  settleLife(row->life, settlement);
  moveState(before, row->life.state);
  if (isOpen(row->life.state)) return storeLife(*row);
  sql_->delete_delivery.run(row->target, row->seq);
  lives_.forget(row->seq, row->target);
  const bool dead = row->life.state == DeliveryState::kDead;
  if (dead) addDeadLetter(*row, settlement.error);
  countEvent(row->seq, -1, dead ? 1 : 0);
}

int InboxTables::openDeliveries(EventSeq seq) {
  Rows row = sql_->event_open.rows(seq);
  return row.next() ? static_cast<int>(row.integer(0)) : 0;
}

Result<void> InboxTables::record(std::span<const LedgerEntry> entries) {
  for (const LedgerEntry& entry : entries) {
    if (!findDelivery(entry.key)) return unknown(entry.key, "is not open");
  }
  for (const LedgerEntry& entry : entries) storeEntry(entry);
  return {};
}

Result<void> InboxTables::replay(const DeliveryKey& key, std::span<const Target> targets,
                                 CompanyKey company) {
  std::int64_t number = 0;
  DeliveryLife again;
  {
    Rows dead = sql_->find_dead.rows(key.seq, targetId(key.target));
    if (!dead.next()) return unknown(key, "no such dead letter");
    number = dead.integer(0);
    again.begun = dead.integer(1) != 0;
  }
  for (const Target& target : targets) {
    if (target != key.target && !isIdle(key.seq, target)) return unknown(key, "has it already");
  }
  removeDeadLetter(number);
  sql_->delete_old_records.run(key.seq, targetId(key.target), kEveryRecord);
  for (const Target& target : targets) {
    const DeliveryLife life = target == key.target ? again : DeliveryLife{};
    addDelivery({key.seq, targetId(target), life}, clock_.wallNow(), company);
  }
  countEvent(key.seq, static_cast<int>(targets.size()), -1);
  return {};
}

Result<void> InboxTables::drop(const DeliveryKey& key) {
  std::int64_t number = 0;
  {
    Rows dead = sql_->find_dead.rows(key.seq, targetId(key.target));
    if (!dead.next()) return unknown(key, "no such dead letter");
    number = dead.integer(0);
  }
  removeDeadLetter(number);
  countEvent(key.seq, 0, -1);
  return {};
}

std::optional<EventSeq> InboxTables::pruneEvents(EventSeq after, WallTime cutoff, int slice) {
  std::vector<EventSeq> ended;
  std::optional<EventSeq> last;
  {
    Rows rows = sql_->oldest_events.rows(after, slice);
    while (rows.next() && fromMs(rows.integer(1)) < cutoff) {
      last = rows.integer(0);
      if (rows.integer(2) == 0 && rows.integer(3) == 0) ended.push_back(*last);
    }
  }
  for (const EventSeq seq : ended) {
    sql_->delete_event.run(seq);
    sql_->delete_body.run(seq);  // kept by keep_bodies, now or in an earlier run
  }
  working_.stats.events -= static_cast<std::int64_t>(ended.size());
  changed_ = changed_ || !ended.empty();
  return last;
}

int InboxTables::pruneDead(std::int64_t dead_max, WallTime cutoff, int slice) {
  std::vector<std::pair<std::int64_t, EventSeq>> oldest;
  const std::int64_t beyond = working_.stats.dead - dead_max;
  {
    Rows rows = sql_->oldest_dead.rows(slice);
    while (rows.next() && (std::ssize(oldest) < beyond || fromMs(rows.integer(2)) < cutoff)) {
      oldest.emplace_back(rows.integer(0), rows.integer(1));
    }
  }
  for (const auto& [number, seq] : oldest) {
    removeDeadLetter(number);
    countEvent(seq, 0, -1);
  }
  return static_cast<int>(oldest.size());
}

Result<EventSeq> InboxTables::addEvent(const Event& event, std::int64_t open, std::int64_t dead,
                                       bool full, const char* full_why) {
  const Error duplicate{ErrorKind::kDuplicate, "an event with this id is stored"};
  if (full) {
    Rows known = sql_->find_event.rows(event.id);
    if (known.next()) return duplicate;
    return Error{ErrorKind::kFull, full_why};
  }
  const EventSeq seq = working_.last_seq + 1;
  const int added = sql_->add_event.run(seq, event.id, toMs(event.received_at), open, dead,
                                        stored(AnswerState::kNone));
  if (added == 0) return duplicate;
  working_.last_seq = seq;
  ++working_.stats.events;
  changed_ = true;
  if (open + dead > 0 || limits_.keep_bodies) sql_->add_body.run(seq, Blob{event.body});
  if (open + dead > 0 && !event.traceparent.empty()) {
    traced_.insert(seq);
    sql_->add_trace.run(seq, event.traceparent);
  }
  return seq;
}

void InboxTables::addDelivery(const Row& row, WallTime answer_from, CompanyKey company) {
  const DeliveryLife& life = row.life;
  sql_->add_delivery.run(row.target, row.seq, stored(life.state), life.attempts, life.interruptions,
                         life.unclean_exits, life.in_process, life.begun, toMs(life.due),
                         storedEnd(life.end), toMs(answer_from), working_.epoch, company);
  lives_.keep(row.seq, row.target, life);
  ++*counterOf(life.state);
  changed_ = true;
}

std::optional<InboxTables::Row> InboxTables::findDelivery(const DeliveryKey& key) {
  Row row{key.seq, targetId(key.target), DeliveryLife{}};
  if (const auto known = lives_.find(row.seq, row.target)) {
    row.life = *known;
    return row;
  }
  Rows found = sql_->find_delivery.rows(row.target, row.seq);
  if (!found.next()) return std::nullopt;
  row.life = readLife(found, 0);
  return row;
}

void InboxTables::storeLife(const Row& row) {
  const DeliveryLife& life = row.life;
  sql_->store_life.run(row.target, row.seq, stored(life.state), life.attempts, life.interruptions,
                       life.unclean_exits, life.in_process, life.begun, toMs(life.due),
                       storedEnd(life.end), working_.epoch);
  lives_.keep(row.seq, row.target, life);
}

void InboxTables::addDeadLetter(const Row& row, std::string_view why) {
  ++working_.last_dead_number;
  changed_ = true;
  sql_->add_dead.run(working_.last_dead_number, row.seq, row.target, nowMs(),
                     stored(row.life.end.value_or(End::kFailed)), why, row.life.attempts,
                     row.life.interruptions, row.life.begun);
}

std::optional<std::string> InboxTables::latestError(const Row& row) {
  Rows latest = sql_->latest_error.rows(row.seq, row.target);
  if (!latest.next()) return std::nullopt;
  return latest.text(0);
}

void InboxTables::addRecord(const Row& row, End end, std::string_view error) {
  std::int64_t nth = 1;
  {
    Rows last = sql_->last_record.rows(row.seq, row.target);
    if (last.next()) nth = last.maybeInteger(0).value_or(0) + 1;
  }
  traced_.insert(row.seq);
  sql_->add_record.run(row.seq, row.target, nth, row.life.attempts, nowMs(), stored(end), error);
  if (nth > kAttemptRecordsMax) {
    sql_->delete_old_records.run(row.seq, row.target, nth - kAttemptRecordsMax);
  }
}

void InboxTables::countEvent(EventSeq seq, int open, int dead) {
  bool ended = false;
  sql_->count_event.run(seq, open, dead);
  {
    Rows row = sql_->event_counts.rows(seq);
    ended = row.next() && row.integer(0) == 0 && row.integer(1) == 0;
  }
  if (ended) deleteEnded(seq);
}

void InboxTables::deleteEnded(EventSeq seq) {
  if (!limits_.keep_bodies) sql_->delete_body.run(seq);
  if (traced_.erase(seq) == 0) return;
  sql_->delete_steps.run(seq);
  sql_->delete_records.run(seq);
  sql_->delete_trace.run(seq);
}

void InboxTables::storeEntry(const LedgerEntry& entry) {
  if (entry.answer) sql_->set_answer.run(entry.key.seq, stored(*entry.answer));
  if (!entry.step) return;
  const TargetId target = targetId(entry.key.target);
  const StepKey& key = entry.step->key;
  std::int64_t known = 0;
  {
    Rows row = sql_->find_step.rows(entry.key.seq, target, key.message_id, key.order, key.nth);
    if (row.next()) known = row.integer(0);
  }
  traced_.insert(entry.key.seq);
  sql_->store_step.run(entry.key.seq, target, key.message_id, key.order, key.nth,
                       entry.step->log_id, stored(entry.step->state), entry.step->ambiguous);
  const std::int64_t more = entry.step->ambiguous - known;
  if (more <= 0) return;
  working_.stats.ambiguous_creates += more;
  changed_ = true;
}

void InboxTables::removeDeadLetter(std::int64_t number) {
  sql_->delete_dead.run(number);
  --working_.stats.dead;
  changed_ = true;
}

bool InboxTables::isIdle(EventSeq seq, const Target& target) {
  if (findDelivery({seq, target})) return false;
  Rows dead = sql_->find_dead.rows(seq, targetId(target));
  return !dead.next();
}

void InboxTables::moveState(DeliveryState from, DeliveryState to) {
  --*counterOf(from);
  ++*counterOf(to);
  changed_ = true;
}

std::int64_t* InboxTables::counterOf(DeliveryState state) {
  switch (state) {
    case DeliveryState::kWaiting:
      return &working_.stats.waiting;
    case DeliveryState::kRunning:
      return &working_.stats.running;
    case DeliveryState::kClosing:
      return &working_.stats.closing;
    case DeliveryState::kDone:
      return &working_.stats.done;
    case DeliveryState::kDead:
      return &working_.stats.dead;
    case DeliveryState::kDropped:
      break;
  }
  MODHOST_UNREACHABLE();
  return nullptr;
}

InboxTables::TargetId InboxTables::targetId(const Target& target) {
  if (const auto known = target_ids_.find(target); known != target_ids_.end()) return known->second;
  TargetId id = 0;
  {
    Rows found = sql_->find_target.rows(target);
    if (found.next()) id = found.integer(0);
  }
  if (id == 0) {
    Rows added = sql_->add_target.rows(target);
    MODHOST_ASSERT(added.next());
    id = added.integer(0);
    while (added.next()) continue;
  }
  return target_ids_[target] = id;
}

std::int64_t InboxTables::nowMs() const { return toMs(clock_.wallNow()); }

}  // namespace modhost::host
