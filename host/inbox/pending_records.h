// PendingRecords: counts the ledger entries that are on their way to disk, so that a read can wait
// for its own event's.
//
// Threads: any.
#pragma once

#include <map>

#include "host/base/mutex.h"
#include "host/inbox/inbox.h"

namespace modhost::host {

class PendingRecords {
 public:
  void add(EventSeq seq) {
    MutexLock lock(mutex_);
    ++pending_[seq];
  }
  void remove(EventSeq seq) {
    MutexLock lock(mutex_);
    const auto found = pending_.find(seq);
    if (--found->second == 0) pending_.erase(found);
    changed_.notifyAll();
  }
  void waitForNone(EventSeq seq) {
    MutexLock lock(mutex_);
    while (pending_.count(seq) != 0) changed_.wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::map<EventSeq, int> pending_ GUARDED_BY(mutex_);
};

}  // namespace modhost::host
