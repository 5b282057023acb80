#include "host/inbox/fresh_lanes.h"

#include <algorithm>
#include <utility>

namespace modhost::host {
namespace {

Delivery freshDelivery(const EventPtr& event, EventSeq seq, const Target& target) {
  Delivery delivery;
  delivery.key = {seq, target};
  delivery.event = event;
  delivery.answer_from = event->received_at;
  return delivery;
}

}  // namespace

void FreshLanes::accepted(const EventPtr& event, EventSeq seq, std::span<const Target> targets) {
  MutexLock lock(mutex_);
  for (const Target& target : targets) {
    Lane& lane = lanes_[target];
    // A read that came between the commit and this call has handed it out.
    if (seq <= lane.loaded_to) continue;
    const bool room = deliveries_ < deliveries_max_ && bytes_ + event->body.size() <= bytes_max_;
    const bool fits = room && !lane.isBehind();
    lane.newest = seq;
    if (!fits) continue;
    lane.loaded_to = seq;
    lane.fresh.push_back(freshDelivery(event, seq, target));
    ++deliveries_;
    bytes_ += event->body.size();
  }
}

void FreshLanes::behind(const Target& target, EventSeq newest) {
  MutexLock lock(mutex_);
  Lane& lane = lanes_[target];
  lane.newest = std::max(lane.newest, newest);
}

void FreshLanes::replayed(const DeliveryKey& key) {
  MutexLock lock(mutex_);
  Lane& lane = lanes_[key.target];
  if (key.seq <= lane.loaded_to) {
    lane.replayed.insert(key.seq);
  } else {
    lane.newest = std::max(lane.newest, key.seq);
  }
}

std::vector<Delivery> FreshLanes::take(const Target& target, std::size_t max) {
  MutexLock lock(mutex_);
  std::vector<Delivery> taken;
  const auto found = lanes_.find(target);
  if (found == lanes_.end()) return taken;
  std::deque<Delivery>& fresh = found->second.fresh;
  while (taken.size() < max && !fresh.empty()) {
    bytes_ -= fresh.front().event->body.size();
    --deliveries_;
    taken.push_back(std::move(fresh.front()));
    fresh.pop_front();
  }
  return taken;
}

std::vector<EventSeq> FreshLanes::takeReplayed(const Target& target, std::size_t max) {
  MutexLock lock(mutex_);
  std::vector<EventSeq> taken;
  const auto found = lanes_.find(target);
  if (found == lanes_.end()) return taken;
  std::set<EventSeq>& replayed = found->second.replayed;
  while (taken.size() < max && !replayed.empty()) {
    taken.push_back(*replayed.begin());
    replayed.erase(replayed.begin());
  }
  return taken;
}

std::optional<FreshLanes::Page> FreshLanes::wanted(const Target& target) const {
  MutexLock lock(mutex_);
  const auto found = lanes_.find(target);
  if (found == lanes_.end()) return std::nullopt;
  const Lane& lane = found->second;
  if (!lane.isBehind() || !lane.fresh.empty()) return std::nullopt;
  return Page{lane.loaded_to, lane.newest};
}

void FreshLanes::loaded(const Target& target, const Page& page, std::optional<EventSeq> last,
                        bool complete) {
  MutexLock lock(mutex_);
  Lane& lane = lanes_[target];
  if (last) lane.loaded_to = std::max(lane.loaded_to, *last);
  // Rows may be missing at the end: settled before they were handed out, or never there.
  if (complete) lane.loaded_to = std::max(lane.loaded_to, page.newest);
}

}  // namespace modhost::host
