// Timers: at most one moment per id, and which ids are due. Pure bookkeeping, no clock of its own.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "host/base/clock.h"

namespace modhost::host {

template <typename Id>
class Timers {
 public:
  // Replaces an earlier moment of the same id.
  void set(const Id& id, SteadyTime at) {
    cancel(id);
    at_.emplace(id, at);
    order_.emplace(at, id);
  }

  void cancel(const Id& id) {
    const auto found = at_.find(id);
    if (found == at_.end()) return;
    order_.erase({found->second, id});
    at_.erase(found);
  }

  std::optional<SteadyTime> next() const {
    if (order_.empty()) return std::nullopt;
    return order_.begin()->first;
  }

  // Takes out every id whose moment has come, earliest first.
  std::vector<Id> takeDue(SteadyTime now) {
    std::vector<Id> due;
    while (!order_.empty() && order_.begin()->first <= now) {
      due.push_back(order_.begin()->second);
      cancel(due.back());
    }
    return due;
  }

 private:
  std::map<Id, SteadyTime> at_;
  std::set<std::pair<SteadyTime, Id>> order_;
};

// The earlier of two moments, either of which may be "never".
inline std::optional<SteadyTime> earlier(std::optional<SteadyTime> a, std::optional<SteadyTime> b) {
  if (!a) return b;
  if (!b) return a;
  return *a < *b ? a : b;
}

}  // namespace modhost::host
