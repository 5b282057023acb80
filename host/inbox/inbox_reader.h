// InboxReader: what dispatch reads outside the writer's transactions, on a connection of its own. Each
// method is one short read transaction, so that checkpoints are not held up.
//
// Threads: any; one read at a time. Throws SqlError.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/base/mutex.h"
#include "host/inbox/database.h"
#include "host/inbox/inbox.h"
#include "host/inbox/waiting_lanes.h"

namespace modhost::host {

class InboxReader {
 public:
  // Takes the connection over; it is only read from.
  explicit InboxReader(std::unique_ptr<Database> database);
  ~InboxReader();

  struct Found {
    std::optional<Delivery> delivery;  // none: it is not open, or its body is no event (any more)
    bool unreadable = false;           // the latter
  };
  Found delivery(const DeliveryKey& key);

  std::vector<Target> openTargets();
  // All that is open for `target`, oldest first.
  void open(const Target& target, const std::function<void(EventSeq, CompanyKey)>& each);
  Ledger ledger(const DeliveryKey& key);

  struct Stored {
    std::string body;
    WallTime received_at{};
  };
  std::optional<Stored> body(EventSeq seq);

 private:
  struct Statements;

  const std::unique_ptr<Database> database_;
  Mutex mutex_;
  std::unique_ptr<Statements> sql_ GUARDED_BY(mutex_);
};

}  // namespace modhost::host
