// InboxGauges: the inbox's counts as an operator scrapes them, set after every commit.
#pragma once

#include "host/base/metrics.h"
#include "host/inbox/inbox.h"

namespace modhost::host {

// Threads: one.
class InboxGauges {
 public:
  explicit InboxGauges(Metrics& metrics);
  void show(const InboxStats& stats);

 private:
  Gauge waiting_, running_, closing_, dead_, events_;
  Counter ambiguous_creates_;
  std::int64_t ambiguous_shown_ = 0;
};

}  // namespace modhost::host
