// InboxViews: what an operator reads, on a connection of its own, so that no question of his holds
// up a backlog's paging. Each method is one short read transaction: what it reads is bounded.
//
// Threads: any; one read at a time. Throws SqlError.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/base/mutex.h"
#include "host/inbox/database.h"
#include "host/inbox/dead_letters.h"
#include "host/inbox/event_query.h"

namespace modhost::host {

class InboxViews {
 public:
  // Takes the connection over; it is only read from.
  explicit InboxViews(std::unique_ptr<Database> database);
  ~InboxViews();

  EventPage page(const EventQuery& query);
  std::optional<EventSeq> seqOf(const std::string& event_id);
  std::optional<EventStory> story(EventSeq seq);
  // When the oldest event that is not ended was received; nullopt: none is open.
  std::optional<WallTime> oldestOpen();
  std::vector<DeadLetter> deadLetters(std::int64_t after, std::size_t max);

 private:
  struct Statements;
  struct Scan;

  void scanOpen(Scan& scan, std::int64_t target_id, const Target& target) REQUIRES(mutex_);
  void scanDead(Scan& scan) REQUIRES(mutex_);
  std::vector<std::pair<std::int64_t, Target>> targets(const Target& only) REQUIRES(mutex_);
  void addDeliveries(EventStory& story) REQUIRES(mutex_);
  void addDelivery(EventStory& story, std::int64_t target, DeliveryView view) REQUIRES(mutex_);
  std::vector<AttemptRecord> records(EventSeq seq, std::int64_t target) REQUIRES(mutex_);

  const std::unique_ptr<Database> database_;
  Mutex mutex_;
  std::unique_ptr<Statements> sql_ GUARDED_BY(mutex_);
};

}  // namespace modhost::host
