#include "host/inbox/inbox_reader.h"

#include <utility>

#include "host/event/event.h"
#include "host/inbox/stored_values.h"

namespace modhost::host {

struct InboxReader::Statements {
  explicit Statements(Database& db) : database(db) {}
  Database& database;

  Statement page{
      database,
      "SELECT d.seq, d.state, d.attempts, d.interruptions, d.unclean_exits, d.in_process, "
      "d.begun, d.due_ms, d.end, d.answer_from_ms, e.received_ms, b.bytes "
      "FROM delivery d JOIN event e ON e.seq = d.seq LEFT JOIN body b ON b.seq = d.seq "
      "WHERE d.target = (SELECT id FROM target WHERE name = ?1) AND d.seq > ?2 "
      "ORDER BY d.seq LIMIT ?3"};
  Statement by_key{
      database,
      "SELECT d.seq, d.state, d.attempts, d.interruptions, d.unclean_exits, d.in_process, "
      "d.begun, d.due_ms, d.end, d.answer_from_ms, e.received_ms, b.bytes "
      "FROM delivery d JOIN event e ON e.seq = d.seq LEFT JOIN body b ON b.seq = d.seq "
      "WHERE d.target = (SELECT id FROM target WHERE name = ?1) AND d.seq = ?2"};
  Statement open_targets{database,
                         "SELECT name FROM target t WHERE EXISTS"
                         "(SELECT 1 FROM delivery d WHERE d.target = t.id) ORDER BY name"};
  Statement newest{database,
                   "SELECT max(seq) FROM delivery "
                   "WHERE target = (SELECT id FROM target WHERE name = ?1)"};
  Statement answer{database, "SELECT answer FROM event WHERE seq = ?1"};
  Statement steps{database,
                  "SELECT message_id, ord, nth, log_id, state, ambiguous FROM step "
                  "WHERE seq = ?1 AND target = (SELECT id FROM target WHERE name = ?2) "
                  "ORDER BY message_id, ord, nth"};
  Statement body{database,
                 "SELECT b.bytes, e.received_ms FROM body b JOIN event e ON e.seq = b.seq "
                 "WHERE b.seq = ?1"};
};

InboxReader::InboxReader(std::unique_ptr<Database> database)
    : database_(std::move(database)), sql_(std::make_unique<Statements>(*database_)) {}

InboxReader::~InboxReader() = default;

InboxReader::Page InboxReader::page(const Target& target, EventSeq after, std::size_t max,
                                    std::size_t bytes_max) {
  MutexLock lock(mutex_);
  Page page;
  std::size_t rows_read = 0;
  std::size_t bytes = 0;
  Rows rows = sql_->page.rows(target, after, static_cast<std::int64_t>(max));
  while (bytes < bytes_max && rows.next()) {
    readRow(target, rows, page);
    ++rows_read;
    if (!page.deliveries.empty()) bytes += page.deliveries.back().event->body.size();
  }
  page.complete = rows_read < max && bytes < bytes_max;
  return page;
}

InboxReader::Page InboxReader::byKey(const Target& target, std::span<const EventSeq> seqs) {
  MutexLock lock(mutex_);
  Page page;
  for (const EventSeq seq : seqs) {
    Rows rows = sql_->by_key.rows(target, seq);
    if (rows.next()) readRow(target, rows, page);
  }
  return page;
}

std::vector<Target> InboxReader::openTargets() {
  MutexLock lock(mutex_);
  std::vector<Target> targets;
  Rows rows = sql_->open_targets.rows();
  while (rows.next()) targets.push_back(rows.text(0));
  return targets;
}

EventSeq InboxReader::newest(const Target& target) {
  MutexLock lock(mutex_);
  Rows rows = sql_->newest.rows(target);
  return rows.next() ? rows.maybeInteger(0).value_or(0) : 0;
}

Ledger InboxReader::ledger(const DeliveryKey& key) {
  MutexLock lock(mutex_);
  Ledger ledger;
  Rows answer = sql_->answer.rows(key.seq);
  if (answer.next()) ledger.answer = static_cast<AnswerState>(answer.integer(0));
  Rows rows = sql_->steps.rows(key.seq, key.target);
  while (rows.next()) ledger.steps.push_back(readStep(rows, 0));
  return ledger;
}

std::optional<InboxReader::Stored> InboxReader::body(EventSeq seq) {
  MutexLock lock(mutex_);
  Rows rows = sql_->body.rows(seq);
  if (!rows.next()) return std::nullopt;
  return Stored{rows.text(0), fromMs(rows.integer(1))};
}

void InboxReader::readRow(const Target& target, const Rows& row, Page& page) {
  const DeliveryKey key{row.integer(0), target};
  page.last = key.seq;
  Result<ParsedEvent> parsed = parseEvent(row.text(11), fromMs(row.integer(10)));
  if (!parsed) {
    page.unreadable.push_back(key);
    return;
  }
  const DeliveryLife life = readLife(row, 1);
  Delivery delivery;
  delivery.key = key;
  delivery.event = parsed.value().event;
  delivery.attempts = life.attempts;
  delivery.interruptions = life.interruptions;
  delivery.due = life.due;
  delivery.answer_from = fromMs(row.integer(9));
  if (life.state == DeliveryState::kClosing) delivery.closing = life.end;
  delivery.begun = life.begun;
  page.deliveries.push_back(std::move(delivery));
}

}  // namespace modhost::host
