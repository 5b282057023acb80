// InboxReader: what dispatch reads outside the writer's transactions, on a connection of its own. Each
// method is one short read transaction, so that checkpoints are not held up.
//
// Threads: any; one read at a time. Throws SqlError.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/base/mutex.h"
#include "host/inbox/database.h"
#include "host/inbox/inbox.h"

namespace modhost::host {

class InboxReader {
 public:
  // Takes the connection over; it is only read from.
  explicit InboxReader(std::unique_ptr<Database> database);
  ~InboxReader();

  struct Page {
    std::vector<Delivery> deliveries;
    std::vector<DeliveryKey> unreadable;  // their stored body is no event (any more)
    std::optional<EventSeq> last;         // the greatest seq read
    bool complete = false;                // nothing open was left after it
  };
  // The open deliveries of `target` after `after`, oldest first: at most `max`, fewer once their
  // bodies reach `bytes_max`.
  Page page(const Target& target, EventSeq after, std::size_t max, std::size_t bytes_max);
  // The open ones among `seqs`.
  Page byKey(const Target& target, std::span<const EventSeq> seqs);

  std::vector<Target> openTargets();
  // The greatest seq that is open for `target`; 0 for none.
  EventSeq newest(const Target& target);
  Ledger ledger(const DeliveryKey& key);

  struct Stored {
    std::string body;
    WallTime received_at{};
  };
  std::optional<Stored> body(EventSeq seq);

 private:
  struct Statements;

  void readRow(const Target& target, const Rows& row, Page& page) REQUIRES(mutex_);

  const std::unique_ptr<Database> database_;
  Mutex mutex_;
  std::unique_ptr<Statements> sql_ GUARDED_BY(mutex_);
};

}  // namespace modhost::host
