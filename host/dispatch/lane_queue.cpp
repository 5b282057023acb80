// Whatever changes a line ends with offer(): it alone decides which delivery of the line, if any,
// stands in turns. start() then only has to take turns.
#include "host/dispatch/lane_queue.h"

#include <utility>

#include "host/base/assert.h"

namespace modhost::host {

void LaneQueue::add(Entry entry) {
  const EventSeq alone = entry.chat.empty() ? entry.seq : 0;
  Item item{{std::move(entry.company), std::move(entry.chat), alone},
            entry.stale_at,
            entry.alone,
            false,
            false};
  const auto added = items_.emplace(entry.seq, std::move(item));
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
  const LineName line_name = items_.at(*seq).line;
  Line& line = lines_.at(line_name);
  line.waiting.erase(*seq);
  line.out = seq;
  stale_at_.cancel(*seq);
  offer(line_name);
  return seq;
}

void LaneQueue::again(EventSeq seq, SteadyTime ready_at, bool alone) {
  Item& item = items_.at(seq);
  item.alone = alone;
  Line& line = lines_.at(item.line);
  MODHOST_ASSERT(line.out == seq);
  line.out.reset();
  wait(seq, item, ready_at);
}

void LaneQueue::remove(EventSeq seq) {
  const auto found = items_.find(seq);
  MODHOST_ASSERT(found != items_.end());
  const LineName name = found->second.line;
  Line& line = lines_.at(name);
  withdraw(name, line);
  line.waiting.erase(seq);
  if (line.out == seq) line.out.reset();
  ready_at_.cancel(seq);
  stale_at_.cancel(seq);
  items_.erase(found);
  offer(name);
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
  lines_[item.line].waiting.insert(seq);
  offer(item.line);
}

void LaneQueue::advance(SteadyTime now) {
  for (const EventSeq seq : ready_at_.takeDue(now)) {
    items_.at(seq).ready = true;
    offer(items_.at(seq).line);
  }
}

void LaneQueue::offer(const LineName& name) {
  Line& line = lines_.at(name);
  withdraw(name, line);
  if (line.out) return;
  if (line.waiting.empty()) {
    lines_.erase(name);
    return;
  }
  line.offered = firstOf(line);
  if (!line.offered) return;
  turnsOf(*line.offered).add(std::get<0>(name), *line.offered);
}

void LaneQueue::withdraw(const LineName& name, Line& line) {
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
  Company& its = companies_[company];
  its.ready.insert(seq);
  ++ready_;
  if (!std::exchange(its.in_turn, true)) order_.push_back(company);
}

void LaneQueue::Turns::drop(const std::string& company, EventSeq seq) {
  companies_.at(company).ready.erase(seq);
  --ready_;
}

std::optional<EventSeq> LaneQueue::Turns::next() {
  while (ready_ > 0) {
    const std::string name = std::move(order_.front());
    order_.pop_front();
    const Company& company = companies_.at(name);
    if (company.ready.empty()) {
      companies_.erase(name);
      continue;
    }
    order_.push_back(name);
    return *company.ready.begin();
  }
  return std::nullopt;
}

}  // namespace modhost::host
