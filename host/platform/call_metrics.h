// What the platform client counts, with every label value from a short fixed list.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "host/base/metrics.h"
#include "host/platform/platform.h"

namespace modhost::host {

// Threads: one (the platform's own).
class CallMetrics {
 public:
  explicit CallMetrics(Metrics& metrics);

  // Once per call. `method` is one the client accepts, or anything for a call it refused; `route` is
  // one of few.
  void ended(const std::string& method, const std::string& route, const PlatformOutcome& outcome,
             double seconds);
  void retried() { retries_.add(); }
  void onWire(int change) { on_wire_.add(change); }
  void waiting(std::size_t count) { waiting_.set(static_cast<double>(count)); }

 private:
  struct Route {
    std::map<std::string, Counter> ended;  // by outcome
    Histogram seconds;
  };
  Route& routeOf(const std::string& method, const std::string& route);

  Metrics& metrics_;
  Counter retries_;
  Gauge on_wire_;
  Gauge waiting_;
  std::map<std::pair<std::string, std::string>, Route> routes_;  // by method and route
};

}  // namespace modhost::host
