// CompanyTurns: the calls that may go out as soon as a connection is free. Companies take turns,
// one call each, so that one company's flood delays another's call by one, not by the flood.
//
// Threads: one.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "host/base/assert.h"
#include "host/platform/platform.h"

namespace modhost::host {

class CompanyTurns {
 public:
  // Since when it may go; within a company that is the order.
  using Due = std::pair<SteadyTime, PlatformCallId>;

  bool empty() const { return companies_.empty(); }

  void add(const std::string& company, const Due& due) { companies_[company].insert(due); }

  // Does nothing when it is not here.
  void remove(const std::string& company, const Due& due) {
    const auto found = companies_.find(company);
    if (found == companies_.end()) return;
    found->second.erase(due);
    if (found->second.empty()) companies_.erase(found);
  }

  // Takes the next one out; there must be one.
  PlatformCallId take() {
    MODHOST_ASSERT(!companies_.empty());
    auto next = companies_.upper_bound(latest_);
    if (next == companies_.end()) next = companies_.begin();
    latest_ = next->first;
    const Due due = *next->second.begin();
    remove(latest_, due);
    return due.second;
  }

 private:
  std::map<std::string, std::set<Due>> companies_;  // none empty
  std::string latest_;                              // whose turn was the last
};

}  // namespace modhost::host
