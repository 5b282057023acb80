// Metrics: what an operator scrapes. A light face over prometheus-cpp, so that no other header sees
// it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace modhost::host {

using Labels = std::map<std::string, std::string>;

// Handles are cheap copies and live as long as their Metrics. Threads: any.
class Counter {
 public:
  explicit Counter(void* impl) : impl_(impl) {}
  void add(double n = 1) const;

 private:
  void* impl_;
};

class Gauge {
 public:
  explicit Gauge(void* impl) : impl_(impl) {}
  void set(double value);
  void add(double n);

 private:
  void* impl_;
};

class Histogram {
 public:
  explicit Histogram(void* impl) : impl_(impl) {}
  void observe(double value);

 private:
  void* impl_;
};

// Names carry their unit and end as Prometheus wants it: `modhost_events_accepted_total`,
// `modhost_ack_seconds`. Asking twice for the same name and labels gives the same handle. The same
// name always has the same help. Threads: any.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // `bounds` are the upper bounds of the buckets, ascending.
  Histogram histogram(const std::string& name, const std::string& help,
                      const std::vector<double>& bounds, const Labels& labels = {});
  // The whole registry in Prometheus text format 0.0.4.
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace modhost::host
