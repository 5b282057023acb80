#include "host/inbox/inbox_gauges.h"

#include <utility>

namespace modhost::host {

InboxGauges::InboxGauges(Metrics& metrics)
    : waiting_(metrics.gauge("modhost_inbox_waiting_deliveries", "Deliveries that wait.")),
      running_(
          metrics.gauge("modhost_inbox_running_deliveries", "Deliveries begun and not settled.")),
      closing_(metrics.gauge("modhost_inbox_closing_deliveries",
                             "Deliveries that ended but whose closing calls are owed.")),
      dead_(metrics.gauge("modhost_inbox_dead_letters", "Dead letters kept.")),
      events_(metrics.gauge("modhost_inbox_events", "Event ids kept to know duplicates by.")),
      ambiguous_creates_(metrics.counter(
          "modhost_inbox_ambiguous_creates_total",
          "Message logs whose create was never confirmed: each may have left one more row.")) {}

void InboxGauges::show(const InboxStats& stats) {
  waiting_.set(static_cast<double>(stats.waiting));
  running_.set(static_cast<double>(stats.running));
  closing_.set(static_cast<double>(stats.closing));
  dead_.set(static_cast<double>(stats.dead));
  events_.set(static_cast<double>(stats.events));
  const std::int64_t before = std::exchange(ambiguous_shown_, stats.ambiguous_creates);
  ambiguous_creates_.add(static_cast<double>(stats.ambiguous_creates - before));
}

}  // namespace modhost::host
