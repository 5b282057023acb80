// A page comes from several sources, each in the order of acceptance: the open deliveries of every
// target (the key of `delivery` is (target, seq)) and the dead letters (by their index over seq).
// Every source is read up to so many rows; where one was cut, the page ends before the place, so
// that no delivery beyond it is passed over. None is read further than the page can need: pages ask every
// other second.
#include "host/inbox/inbox_views.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "host/inbox/stored_values.h"

namespace modhost::host {
namespace {

// Rows that one page reads of all sources together, and at least of each. More than an event can
// have deliveries, so that a page always gets on.
constexpr std::size_t kPageRowsMax = 4'096;
constexpr std::size_t kSourceRowsMin = 256;

// What is read in several statements is of one moment.
class ReadTransaction {
 public:
  explicit ReadTransaction(Database& database) : database_(database) { database_.run("BEGIN"); }
  ~ReadTransaction() { database_.rollback(); }
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;

 private:
  Database& database_;
};

enum class Which { kOpen, kRunning };  // kRunning: by the index over the running ones

// CROSS JOIN keeps SQLite to this order of the tables, and so to reading by the key; of its own it
// would not take the small index either.
std::string openSql(Which which, bool oldest_first) {
  const bool running = which == Which::kRunning;
  return std::string(
             "SELECT d.seq, d.state, d.attempts, d.interruptions, d.unclean_exits, d.in_process, "
             "d.begun, d.due_ms, d.end, e.id, e.received_ms FROM delivery d ") +
         (running ? "INDEXED BY delivery_running " : "") +
         "CROSS JOIN event e ON e.seq = d.seq WHERE d.target = ?1 " +
         (running ? "AND d.state = 2 " : "") +
         (oldest_first ? "AND d.seq > ?2 ORDER BY d.seq LIMIT ?3"
                       : "AND d.seq < ?2 ORDER BY d.seq DESC LIMIT ?3");
}

constexpr char kDeadColumns[] =
    "SELECT l.seq, t.name, l.end, l.why, l.died_ms, l.attempts, l.interruptions, e.id, "
    "e.received_ms, l.target FROM dead_letter l CROSS JOIN target t ON t.id = l.target "
    "CROSS JOIN event e ON e.seq = l.seq ";

std::string deadSql(bool oldest_first) {
  return std::string(kDeadColumns) + (oldest_first
                                          ? "WHERE l.seq > ?1 ORDER BY l.seq LIMIT ?2"
                                          : "WHERE l.seq < ?1 ORDER BY l.seq DESC LIMIT ?2");
}

DeliveryView readDead(const Rows& row) {
  DeliveryView view;
  view.target = row.text(1);
  view.state = DeliveryState::kDead;
  view.end = static_cast<End>(row.integer(2));
  view.why = row.text(3);
  view.died_at = fromMs(row.integer(4));
  view.attempts = static_cast<int>(row.integer(5));
  view.interruptions = static_cast<int>(row.integer(6));
  return view;
}

}  // namespace

struct InboxViews::Statements {
  explicit Statements(Database& db) : database(db) {}
  Database& database;

  Statement targets{database, "SELECT id, name FROM target WHERE ?1 = '' OR name = ?1"};
  // By oldest_first.
  Statement open[2] = {{database, openSql(Which::kOpen, false)},
                       {database, openSql(Which::kOpen, true)}};
  Statement running[2] = {{database, openSql(Which::kRunning, false)},
                          {database, openSql(Which::kRunning, true)}};
  Statement dead[2] = {{database, deadSql(false)}, {database, deadSql(true)}};

  // One step into the key of `delivery` per target.
  Statement oldest_open{database,
                        "SELECT min((SELECT e.received_ms FROM event e WHERE e.seq = "
                        "(SELECT min(d.seq) FROM delivery d WHERE d.target = t.id))) "
                        "FROM target t"};
  Statement find_event{database, "SELECT seq FROM event WHERE id = ?1"};
  Statement event{database,
                  "SELECT e.id, e.received_ms, e.answer, b.seq, b.bytes FROM event e "
                  "LEFT JOIN body b ON b.seq = e.seq WHERE e.seq = ?1"};
  Statement open_of_event{
      database,
      "SELECT t.id, t.name, d.state, d.attempts, d.interruptions, d.unclean_exits, d.in_process, "
      "d.begun, d.due_ms, d.end FROM target t CROSS JOIN delivery d "
      "ON d.target = t.id AND d.seq = ?1"};
  Statement dead_of_event{database, std::string(kDeadColumns) + "WHERE l.seq = ?1"};
  Statement steps{database,
                  "SELECT message_id, ord, nth, log_id, state, ambiguous FROM step "
                  "WHERE seq = ?1 AND target = ?2 ORDER BY message_id, ord, nth"};
  Statement dead_letters{
      database,
      "SELECT l.number, l.seq, t.name, e.id, e.received_ms, l.died_ms, l.end, l.why, "
      "l.attempts, l.interruptions, l.target "
      "FROM dead_letter l JOIN target t ON t.id = l.target "
      "JOIN event e ON e.seq = l.seq "
      "WHERE l.number > ?1 ORDER BY l.number LIMIT ?2"};
  Statement records{database,
                    "SELECT attempt, at_ms, end, error FROM attempt_record "
                    "WHERE seq = ?1 AND target = ?2 ORDER BY nth"};
};

// What one page has found so far.
struct InboxViews::Scan {
  const EventQuery& query;
  std::size_t rows_max;  // of one source
  EventSeq from;
  std::vector<FoundDelivery> found;
  std::optional<EventSeq> cut;
  // Of the source that is being read.
  std::size_t events = 0;
  EventSeq latest = 0;

  void add(EventSeq seq, DeliveryView delivery, std::string event_id, WallTime received_at) {
    if (!matches(query, delivery, received_at)) return;
    if (events == 0 || seq != latest) ++events;
    latest = seq;
    found.push_back({seq, std::move(event_id), received_at, std::move(delivery)});
  }
  // One event more than the page holds; the page ends before it.
  bool enough() const { return events > query.max; }
  // A source that gave all the rows it might, or that was left early, may have more from `last` on.
  void ended(std::size_t rows, EventSeq last) {
    const bool more = rows == rows_max || enough();
    events = 0;
    if (!more) return;
    if (!cut) cut = last;
    cut = query.oldest_first ? std::min(*cut, last) : std::max(*cut, last);
  }
};

InboxViews::InboxViews(std::unique_ptr<Database> database)
    : database_(std::move(database)), sql_(std::make_unique<Statements>(*database_)) {}

InboxViews::~InboxViews() = default;

EventPage InboxViews::page(const EventQuery& query) {
  MutexLock lock(mutex_);
  const ReadTransaction moment(*database_);
  const auto sources = targets(query.target);
  const bool from_start = query.after == 0 && !query.oldest_first;
  Scan scan{query,
            std::max(kSourceRowsMin, kPageRowsMax / (sources.size() + 1)),
            from_start ? std::numeric_limits<EventSeq>::max() : query.after,
            {},
            std::nullopt};
  if (query.state != DeliveryState::kDead) {
    for (const auto& [id, name] : sources) scanOpen(scan, id, name);
  }
  if (!query.state || query.state == DeliveryState::kDead) scanDead(scan);
  return pageOf(query, std::move(scan.found), scan.cut);
}

std::optional<EventSeq> InboxViews::seqOf(const std::string& event_id) {
  MutexLock lock(mutex_);
  Rows row = sql_->find_event.rows(event_id);
  if (!row.next()) return std::nullopt;
  return row.integer(0);
}

std::optional<EventStory> InboxViews::story(EventSeq seq) {
  MutexLock lock(mutex_);
  const ReadTransaction moment(*database_);
  EventStory story;
  {
    Rows row = sql_->event.rows(seq);
    if (!row.next()) return std::nullopt;
    story.seq = seq;
    story.id = row.text(0);
    story.received_at = fromMs(row.integer(1));
    story.answer = static_cast<AnswerState>(row.integer(2));
    if (row.maybeInteger(3)) readEnvelope(row.text(4), story);
  }
  addDeliveries(story);
  return story;
}

std::optional<WallTime> InboxViews::oldestOpen() {
  MutexLock lock(mutex_);
  Rows row = sql_->oldest_open.rows();
  if (!row.next()) return std::nullopt;
  const std::optional<std::int64_t> received = row.maybeInteger(0);
  return received ? std::optional(fromMs(*received)) : std::nullopt;
}

std::vector<DeadLetter> InboxViews::deadLetters(std::int64_t after, std::size_t max) {
  MutexLock lock(mutex_);
  std::vector<DeadLetter> letters;
  Rows rows = sql_->dead_letters.rows(after, static_cast<std::int64_t>(max));
  while (rows.next()) {
    DeadLetter letter;
    letter.number = rows.integer(0);
    letter.key = {rows.integer(1), rows.text(2)};
    letter.event_id = rows.text(3);
    letter.received_at = fromMs(rows.integer(4));
    letter.died_at = fromMs(rows.integer(5));
    letter.end = static_cast<End>(rows.integer(6));
    letter.why = rows.text(7);
    letter.attempts = static_cast<int>(rows.integer(8));
    letter.interruptions = static_cast<int>(rows.integer(9));
    letter.records = records(letter.key.seq, rows.integer(10));
    letters.push_back(std::move(letter));
  }
  return letters;
}

void InboxViews::scanOpen(Scan& scan, std::int64_t target_id, const Target& target) {
  const int order = scan.query.oldest_first ? 1 : 0;
  const bool running = scan.query.state == DeliveryState::kRunning;
  Statement& statement = running ? sql_->running[order] : sql_->open[order];
  std::size_t read = 0;
  EventSeq last = 0;
  Rows rows = statement.rows(target_id, scan.from, static_cast<std::int64_t>(scan.rows_max));
  for (; !scan.enough() && rows.next(); ++read) {
    last = rows.integer(0);
    scan.add(last, viewOf(target, readLife(rows, 1)), rows.text(9), fromMs(rows.integer(10)));
  }
  scan.ended(read, last);
}

void InboxViews::scanDead(Scan& scan) {
  Statement& statement = sql_->dead[scan.query.oldest_first ? 1 : 0];
  std::size_t read = 0;
  EventSeq last = 0;
  Rows rows = statement.rows(scan.from, static_cast<std::int64_t>(scan.rows_max));
  for (; !scan.enough() && rows.next(); ++read) {
    last = rows.integer(0);
    scan.add(last, readDead(rows), rows.text(7), fromMs(rows.integer(8)));
  }
  scan.ended(read, last);
}

std::vector<std::pair<std::int64_t, Target>> InboxViews::targets(const Target& only) {
  std::vector<std::pair<std::int64_t, Target>> found;
  Rows rows = sql_->targets.rows(only);
  while (rows.next()) found.emplace_back(rows.integer(0), rows.text(1));
  return found;
}

void InboxViews::addDeliveries(EventStory& story) {
  {
    Rows open = sql_->open_of_event.rows(story.seq);
    while (open.next()) {
      addDelivery(story, open.integer(0), viewOf(open.text(1), readLife(open, 2)));
    }
  }
  {
    Rows dead = sql_->dead_of_event.rows(story.seq);
    while (dead.next()) addDelivery(story, dead.integer(9), readDead(dead));
  }
  std::sort(
      story.deliveries.begin(), story.deliveries.end(),
      [](const DeliveryStory& a, const DeliveryStory& b) { return a.view.target < b.view.target; });
}

void InboxViews::addDelivery(EventStory& story, std::int64_t target, DeliveryView view) {
  DeliveryStory delivery{std::move(view), records(story.seq, target), {}};
  Rows steps = sql_->steps.rows(story.seq, target);
  while (steps.next()) delivery.steps.push_back(readStep(steps, 0));
  story.deliveries.push_back(std::move(delivery));
}

std::vector<AttemptRecord> InboxViews::records(EventSeq seq, std::int64_t target) {
  std::vector<AttemptRecord> found;
  Rows rows = sql_->records.rows(seq, target);
  while (rows.next()) {
    found.push_back({static_cast<int>(rows.integer(0)), fromMs(rows.integer(1)),
                     static_cast<End>(rows.integer(2)), rows.text(3)});
  }
  return found;
}

}  // namespace modhost::host
