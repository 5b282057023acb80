#include "host/inbox/inbox_reader.h"

#include <utility>

#include "host/event/event.h"
#include "host/inbox/stored_values.h"

namespace modhost::host {

struct InboxReader::Statements {
  explicit Statements(Database& db) : database(db) {}
  Database& database;

  Statement by_key{
      database,
      "SELECT d.seq, d.state, d.attempts, d.interruptions, d.unclean_exits, d.in_process, "
      "d.begun, d.due_ms, d.end, d.answer_from_ms, e.received_ms, b.bytes, "
      "coalesce((SELECT parent FROM trace WHERE seq = d.seq), '') "
      "FROM delivery d JOIN event e ON e.seq = d.seq LEFT JOIN body b ON b.seq = d.seq "
      "WHERE d.target = (SELECT id FROM target WHERE name = ?1) AND d.seq = ?2"};
  Statement open_targets{database,
                         "SELECT name FROM target t WHERE EXISTS"
                         "(SELECT 1 FROM delivery d WHERE d.target = t.id) ORDER BY name"};
  Statement open{database,
                 "SELECT seq, company FROM delivery "
                 "WHERE target = (SELECT id FROM target WHERE name = ?1) ORDER BY seq"};
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

InboxReader::Found InboxReader::delivery(const DeliveryKey& key) {
  MutexLock lock(mutex_);
  Rows row = sql_->by_key.rows(key.target, key.seq);
  if (!row.next()) return {};
  Result<ParsedEvent> parsed = parseEvent(row.text(11), fromMs(row.integer(10)), row.text(12));
  if (!parsed) return {std::nullopt, true};
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
  return {std::move(delivery), false};
}

std::vector<Target> InboxReader::openTargets() {
  MutexLock lock(mutex_);
  std::vector<Target> targets;
  Rows rows = sql_->open_targets.rows();
  while (rows.next()) targets.push_back(rows.text(0));
  return targets;
}

void InboxReader::open(const Target& target,
                       const std::function<void(EventSeq, CompanyKey)>& each) {
  MutexLock lock(mutex_);
  Rows rows = sql_->open.rows(target);
  while (rows.next()) each(rows.integer(0), rows.integer(1));
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

}  // namespace modhost::host
