#include "host/platform/call_metrics.h"

#include "host/platform/call_trace.h"

namespace modhost::host {
CallMetrics::CallMetrics(Metrics& metrics)
    : metrics_(metrics),
      retries_(metrics.counter("modhost_platform_retries_total",
                               "Tries of platform calls beyond each call's first.")),
      on_wire_(metrics.gauge("modhost_platform_calls_in_flight",
                             "Platform calls that have a request on the wire now.")),
      waiting_(
          metrics.gauge("modhost_platform_calls_waiting",
                        "Platform calls waiting for a connection, a retry or a pause to end.")) {}

void CallMetrics::ended(const std::string& method, const std::string& route,
                        const PlatformOutcome& outcome, double seconds) {
  const std::string word = outcomeWord(outcome);
  const bool refused = word == "refused";
  const std::string label = refused ? "other" : method;
  Route& of = routeOf(label, refused ? "other" : route);
  auto found = of.ended.find(word);
  if (found == of.ended.end()) {
    const Counter counter = metrics_.counter(
        "modhost_platform_calls_total", "Platform calls by how they ended.",
        {{"method", label}, {"route", refused ? "other" : route}, {"outcome", word}});
    found = of.ended.emplace(word, counter).first;
  }
  found->second.add();
  of.seconds.observe(seconds);
}

CallMetrics::Route& CallMetrics::routeOf(const std::string& method, const std::string& route) {
  const auto found = routes_.find({method, route});
  if (found != routes_.end()) return found->second;
  const Histogram seconds = metrics_.histogram(
      "modhost_platform_call_seconds", "Duration of one platform call with all its tries.",
      {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300},
      {{"method", method}, {"route", route}});
  return routes_.emplace(std::pair(method, route), Route{{}, seconds}).first->second;
}

}  // namespace modhost::host
