// FreshLanes: which deliveries can go from accept to dispatch in memory, and from where on a target
// must be read from disk.
//
// Per target, the deliveries not handed out yet are, in the order of acceptance:
//
//     replayed (by key)  │  fresh, in memory  │  behind: on disk, beyond `loaded_to`
//
// A new delivery joins `fresh` only while nothing is behind, so that order holds; otherwise it only
// raises `newest`, and costs no memory.
//
// Threads: every method from any thread; accepted() in the order of seq.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "host/base/mutex.h"
#include "host/inbox/inbox.h"

namespace modhost::host {

class FreshLanes {
 public:
  FreshLanes(std::size_t deliveries_max, std::size_t bytes_max)
      : deliveries_max_(deliveries_max), bytes_max_(bytes_max) {}

  // A committed event: its deliveries are fresh or behind.
  void accepted(const EventPtr& event, EventSeq seq, std::span<const Target> targets);
  // What the file held at start, up to `newest`, is behind.
  void behind(const Target& target, EventSeq newest);
  // A dead letter waits again. Its seq may lie in what was loaded long ago.
  void replayed(const DeliveryKey& key);

  // Up to `max` fresh deliveries, oldest first.
  std::vector<Delivery> take(const Target& target, std::size_t max);
  // Up to `max` replayed ones, to be read by key.
  std::vector<EventSeq> takeReplayed(const Target& target, std::size_t max);

  // A read of what is behind. One at a time per target, and none while replayed() is called.
  struct Page {
    EventSeq after = 0;   // read those with a greater seq …
    EventSeq newest = 0;  // … of which every one up to this is committed
  };
  // nullopt: nothing is behind, or what is fresh (perhaps since the last take()) comes first.
  std::optional<Page> wanted(const Target& target) const;
  // What the read found: `last`, the greatest seq handed out; `complete`: nothing more was there.
  void loaded(const Target& target, const Page& page, std::optional<EventSeq> last, bool complete);

 private:
  struct Lane {
    std::set<EventSeq> replayed;
    std::deque<Delivery> fresh;
    EventSeq loaded_to = 0;
    EventSeq newest = 0;
    bool isBehind() const { return newest > loaded_to; }
  };

  const std::size_t deliveries_max_;
  const std::size_t bytes_max_;

  mutable Mutex mutex_;
  std::map<Target, Lane> lanes_ GUARDED_BY(mutex_);
  std::size_t deliveries_ GUARDED_BY(mutex_) = 0;  // fresh, all lanes
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;       // their bodies
};

}  // namespace modhost::host
