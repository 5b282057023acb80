#include "host/platform/call_metrics.h"

namespace modhost::host {
namespace {

std::string outcomeClass(const PlatformOutcome& outcome) {
  if (outcome.reply.ok()) return std::to_string(outcome.reply.value().status / 100) + "xx";
  switch (outcome.reply.error().kind) {
    case ErrorKind::kTimeout:
      return "timeout";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kInvalid:
      return "refused";
    default:
      return "unavailable";
  }
}

}  // namespace

CallMetrics::CallMetrics(Metrics& metrics)
    : metrics_(metrics),
      seconds_(metrics.histogram(
          "modhost_platform_call_seconds", "Duration of one platform call with all its tries.",
          {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300})),
      retries_(metrics.counter("modhost_platform_retries_total",
                               "Tries of platform calls beyond each call's first.")),
      on_wire_(metrics.gauge("modhost_platform_calls_in_flight",
                             "Platform calls that have a request on the wire now.")),
      waiting_(
          metrics.gauge("modhost_platform_calls_waiting",
                        "Platform calls waiting for a connection, a retry or a pause to end.")) {}

void CallMetrics::ended(const std::string& method, const PlatformOutcome& outcome, double seconds) {
  const std::string outcome_class = outcomeClass(outcome);
  const std::string label = outcome_class == "refused" ? "other" : method;
  auto found = ended_.find({label, outcome_class});
  if (found == ended_.end()) {
    const Counter counter =
        metrics_.counter("modhost_platform_calls_total", "Platform calls by how they ended.",
                         {{"method", label}, {"outcome", outcome_class}});
    found = ended_.emplace(std::pair(label, outcome_class), counter).first;
  }
  found->second.add();
  seconds_.observe(seconds);
}

}  // namespace modhost::host
