// WaitingLanes: what dispatch has not been given yet, per target and company; its order is the
// order next() hands out. Of one company the oldest comes first; companies take turns one delivery
// each, so that another's flood, in memory or on disk, delays nobody by more than his turn.
//
// The first of what waits has its event in memory, bounded in number and in bytes; of the rest only
// the seq is kept (24 bytes each, and the inbox's `waiting_max` bounds them), and it is read from
// disk when its turn comes.
//
// Threads: every method from any thread; accepted() in the order of seq.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "host/base/mutex.h"
#include "host/inbox/inbox.h"

namespace modhost::host {

// Stands for a company, in memory and on disk: two with the same key (one chance in 2^64) would
// share their turns, nothing else.
using CompanyKey = std::int64_t;
CompanyKey companyKey(std::string_view company_id);

class WaitingLanes {
 public:
  WaitingLanes(std::size_t in_memory_max, std::size_t bytes_max)
      : in_memory_max_(in_memory_max), bytes_max_(bytes_max) {}

  struct Waiting {
    EventSeq seq = 0;
    EventPtr event;  // null: on disk; set: it was never begun
  };
  struct Taken {
    CompanyKey company = 0;
    Waiting waiting;
  };

  // A committed event waits for each of the targets.
  void accepted(const EventPtr& event, EventSeq seq, std::span<const Target> targets);
  // One that is to be read from disk: found there at the start, or replayed. Not in here already.
  void addStored(const Target& target, CompanyKey company, EventSeq seq);

  // Takes out up to `max`.
  std::vector<Taken> take(const Target& target, std::size_t max);
  // Puts back, in its place, what could not be read.
  void putBack(const Target& target, const Taken& taken);

 private:
  struct Lane {
    std::map<CompanyKey, std::deque<Waiting>> companies;  // none is empty; each by seq
    CompanyKey served_last = 0;
  };

  Taken takeOne(Lane& lane) REQUIRES(mutex_);

  const std::size_t in_memory_max_;
  const std::size_t bytes_max_;

  mutable Mutex mutex_;
  std::map<Target, Lane> lanes_ GUARDED_BY(mutex_);
  std::size_t in_memory_ GUARDED_BY(mutex_) = 0;  // with their event, all lanes
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;      // their bodies
};

}  // namespace modhost::host
