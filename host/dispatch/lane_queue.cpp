// Whatever changes a line ends with offer(): it alone decides which delivery of the line, if any,
// stands in turns. start() then only has to take turns.
#include "host/dispatch/lane_queue.h"

#include <utility>

#include "host/base/assert.h"

namespace modhost::host {

void LaneQueue::add(Entry entry) {
  const EventSeq alone = entry.chat.empty() ? entry.seq : 0;
  const auto line =
      lines_.try_emplace({std::move(entry.company), std::move(entry.chat), alone}).first;
  const Item item{line, entry.stale_at, entry.alone, false, false};
  const auto added = items_.emplace(entry.seq, item);
  MODHOST_ASSERT(added.second);
  wait(entry.seq, added.first->second, entry.ready_at);
}

bool LaneQueue::startable(SteadyTime now) {
  advance(now);
  return !common_.empty();
}

bool LaneQueue::aloneStartable(SteadyTime now) {
  advance(now);
  return !alone_.empty();
}

std::optional<EventSeq> LaneQueue::start(SteadyTime now) { return startFrom(common_, now); }
std::optional<EventSeq> LaneQueue::startAlone(SteadyTime now) { return startFrom(alone_, now); }

std::optional<EventSeq> LaneQueue::startFrom(Turns& turns, SteadyTime now) {
  advance(now);
  const std::optional<EventSeq> seq = turns.next();
  if (!seq) return std::nullopt;
  const Lines::iterator line = items_.at(*seq).line;
  line->second.waiting.erase(*seq);
  line->second.out = seq;
  stale_at_.cancel(*seq);
  offer(line);
  return seq;
}

void LaneQueue::again(EventSeq seq, SteadyTime ready_at, bool alone) {
  Item& item = items_.at(seq);
  item.alone = alone;
  Line& line = item.line->second;
  MODHOST_ASSERT(line.out == seq);
  line.out.reset();
  wait(seq, item, ready_at);
}

void LaneQueue::remove(EventSeq seq) {
  const auto found = items_.find(seq);
  MODHOST_ASSERT(found != items_.end());
  const Lines::iterator line = found->second.line;
  withdraw(line);
  line->second.waiting.erase(seq);
  if (line->second.out == seq) line->second.out.reset();
  ready_at_.cancel(seq);
  stale_at_.cancel(seq);
  items_.erase(found);
  offer(line);
}

std::vector<EventSeq> LaneQueue::takeStale(SteadyTime now) {
  std::vector<EventSeq> stale = stale_at_.takeDue(now);
  for (const EventSeq seq : stale) {
    items_.at(seq).stale = true;
    offer(items_.at(seq).line);
  }
  return stale;
}

std::optional<SteadyTime> LaneQueue::wakeAt() const {
  return earlier(ready_at_.next(), stale_at_.next());
}

void LaneQueue::wait(EventSeq seq, Item& item, SteadyTime ready_at) {
  item.ready = false;
  ready_at_.set(seq, ready_at);
  stale_at_.set(seq, item.stale_at);
  item.line->second.waiting.insert(seq);
  offer(item.line);
}

void LaneQueue::advance(SteadyTime now) {
  for (const EventSeq seq : ready_at_.takeDue(now)) {
    items_.at(seq).ready = true;
    offer(items_.at(seq).line);
  }
}

void LaneQueue::offer(Lines::iterator named) {
  auto& [name, line] = *named;
  withdraw(named);
  if (line.out) return;
  if (line.waiting.empty()) {
    lines_.erase(named);
    return;
  }
  line.offered = firstOf(line);
  if (!line.offered) return;
  turnsOf(*line.offered).add(std::get<0>(name), *line.offered);
}

void LaneQueue::withdraw(Lines::iterator named) {
  auto& [name, line] = *named;
  if (!line.offered) return;
  turnsOf(*line.offered).drop(std::get<0>(name), *line.offered);
  line.offered.reset();
}

std::optional<EventSeq> LaneQueue::firstOf(const Line& line) const {
  for (const EventSeq seq : line.waiting) {
    const Item& item = items_.at(seq);
    if (item.ready) return seq;
    if (!item.stale) return std::nullopt;
  }
  return std::nullopt;
}

void LaneQueue::Turns::add(const std::string& company, EventSeq seq) {
  const Companies::iterator its = companies_.try_emplace(company).first;
  its->second.ready.insert(seq);
  ++ready_;
  if (!std::exchange(its->second.in_turn, true)) order_.push_back(its);
}

void LaneQueue::Turns::drop(const std::string& company, EventSeq seq) {
  companies_.at(company).ready.erase(seq);
  --ready_;
}

std::optional<EventSeq> LaneQueue::Turns::next() {
  while (ready_ > 0) {
    const Companies::iterator company = order_.front();
    order_.pop_front();
    if (company->second.ready.empty()) {
      companies_.erase(company);
      continue;
    }
    order_.push_back(company);
    return *company->second.ready.begin();
  }
  return std::nullopt;
}

}  // namespace modhost::host
