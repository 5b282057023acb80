#include "host/inbox/waiting_lanes.h"

#include <algorithm>
#include <utility>

namespace modhost::host {
namespace {

void insertBySeq(std::deque<WaitingLanes::Waiting>& waiting, WaitingLanes::Waiting one) {
  const auto place = std::upper_bound(
      waiting.begin(), waiting.end(), one.seq,
      [](EventSeq seq, const WaitingLanes::Waiting& other) { return seq < other.seq; });
  waiting.insert(place, std::move(one));
}

}  // namespace

// FNV-1a: it stands in the file, so it is the same in every build.
CompanyKey companyKey(std::string_view company_id) {
  std::uint64_t key = 14'695'981'039'346'656'037U;
  for (const char byte : company_id) {
    key = (key ^ static_cast<unsigned char>(byte)) * 1'099'511'628'211U;
  }
  return static_cast<CompanyKey>(key);
}

void WaitingLanes::accepted(const EventPtr& event, EventSeq seq, std::span<const Target> targets) {
  const CompanyKey company = companyKey(event->company_id);
  MutexLock lock(mutex_);
  for (const Target& target : targets) {
    const bool room = in_memory_ < in_memory_max_ && bytes_ + event->body.size() <= bytes_max_;
    lanes_[target].companies[company].push_back({seq, room ? event : nullptr});
    if (!room) continue;
    ++in_memory_;
    bytes_ += event->body.size();
  }
}

void WaitingLanes::addStored(const Target& target, CompanyKey company, EventSeq seq) {
  MutexLock lock(mutex_);
  insertBySeq(lanes_[target].companies[company], {seq, nullptr});
}

std::vector<WaitingLanes::Taken> WaitingLanes::take(const Target& target, std::size_t max) {
  MutexLock lock(mutex_);
  std::vector<Taken> taken;
  const auto found = lanes_.find(target);
  if (found == lanes_.end()) return taken;
  Lane& lane = found->second;
  while (taken.size() < max && !lane.companies.empty()) taken.push_back(takeOne(lane));
  return taken;
}

void WaitingLanes::putBack(const Target& target, const Taken& taken) {
  addStored(target, taken.company, taken.waiting.seq);
}

WaitingLanes::Taken WaitingLanes::takeOne(Lane& lane) {
  auto turn = lane.companies.upper_bound(lane.served_last);
  if (turn == lane.companies.end()) turn = lane.companies.begin();
  lane.served_last = turn->first;
  Taken taken{turn->first, std::move(turn->second.front())};
  turn->second.pop_front();
  if (turn->second.empty()) lane.companies.erase(turn);
  if (taken.waiting.event) {
    --in_memory_;
    bytes_ -= taken.waiting.event->body.size();
  }
  return taken;
}

}  // namespace modhost::host
