// PendingRecords: the ledger entries that are on their way to disk, so that a read can wait for
// those of its own event that were made before it. They arrive in the order they were made.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <deque>
#include <map>

#include "host/base/mutex.h"
#include "host/inbox/inbox.h"

namespace modhost::host {

class PendingRecords {
 public:
  void add(EventSeq seq) {
    MutexLock lock(mutex_);
    pending_[seq].push_back(++last_ticket_);
  }
  // The oldest of this event.
  void remove(EventSeq seq) {
    MutexLock lock(mutex_);
    const auto found = pending_.find(seq);
    found->second.pop_front();
    if (found->second.empty()) pending_.erase(found);
    changed_.notifyAll();
  }
  // Until what was added before this call is removed, however much is added meanwhile.
  void waitForEarlier(EventSeq seq) {
    MutexLock lock(mutex_);
    const std::int64_t latest = last_ticket_;
    while (hasEarlier(seq, latest)) changed_.wait(mutex_);
  }

 private:
  bool hasEarlier(EventSeq seq, std::int64_t latest) const REQUIRES(mutex_) {
    const auto found = pending_.find(seq);
    return found != pending_.end() && found->second.front() <= latest;
  }

  Mutex mutex_;
  CondVar changed_;
  std::map<EventSeq, std::deque<std::int64_t>> pending_ GUARDED_BY(mutex_);  // tickets
  std::int64_t last_ticket_ GUARDED_BY(mutex_) = 0;
};

}  // namespace modhost::host
