#include "host/modules/module_sink.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>
#include <vector>

#include "host/modules/module_limits.h"

namespace modhost::host {
namespace {

constexpr const char* kArea = "module";
constexpr const char* kMetricHelp = "Declared by a module.";
// From a millisecond to the longest timeout anyone sets; a module observes seconds.
const std::vector<double> kBuckets = {0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120};

// What the series of a histogram end in: with one `x`, a counter `x_count` would stand twice in a
// scrape, whichever module declared which.
bool endsAsHistogram(std::string_view name) {
  return name.ends_with("_bucket") || name.ends_with("_count") || name.ends_with("_sum");
}

bool nameValid(std::string_view name) {
  if (name.empty() || name.size() > kModuleMetricNameMax || endsAsHistogram(name)) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool kindValid(std::int32_t kind) { return kind >= 1 && kind <= 3; }

}  // namespace

HostModuleSink::HostModuleSink(std::string module_id, Metrics& metrics, Clock& clock)
    : module_id_(std::move(module_id)),
      log_scope_(moduleLogScope(module_id_)),
      about_module_({{"module", module_id_}}),
      labels_({{"module", module_id_}}),
      clock_(clock),
      metrics_(&metrics),
      dropped_lines_(metrics.counter("modhost_modules_log_lines_dropped_total",
                                     "Log lines of a module over its rate.", labels_)),
      refused_metrics_(metrics.counter("modhost_modules_metrics_refused_total",
                                       "Metrics of a module with a bad name, kind or value, or "
                                       "beyond its number of series.",
                                       labels_)),
      lines_(kModuleLogBurst, kModuleLogPerSecond, clock.steadyNow()),
      tell_drops_at_(clock.steadyNow()) {}

void HostModuleSink::log(LogLevel level, AttemptToken, const About& about, std::string_view message,
                         std::string_view fields) {
  if (!logEnabled(level, log_scope_) || !mayLog()) return;
  LogFields known = about ? about() : LogFields();
  if (known.empty()) known = about_module_;
  const std::string text = bounded(message);
  const std::string extra = checkedLogFields(fields);
  if (extra.empty()) {
    logLine(level, kArea, text, known, {});
  } else {
    logLine(level, kArea, text, known, {{"fields", extra}});
  }
}

void HostModuleSink::standardError(std::int64_t pid, std::string_view line) {
  if (!logEnabled(LogLevel::kInfo, log_scope_) || !mayLog()) return;
  logLine(LogLevel::kInfo, kArea, bounded(line), about_module_,
          {{"pid", pid}, {"stream", "stderr"}});
}

void HostModuleSink::metric(std::int32_t kind, std::string_view name, double value) {
  MutexLock lock(mutex_);
  if (metrics_ == nullptr) return;
  bool taken = kindValid(kind) && nameValid(name) && std::isfinite(value) &&
               !(kind == static_cast<std::int32_t>(MetricKind::kCounter) && value < 0);
  if (taken) {
    const std::string full = "modhost_module_" + std::string(name);
    const bool known = series_.count(full) != 0;
    taken = known || series_.size() < kModuleSeriesMax;
    try {
      if (taken) apply(static_cast<MetricKind>(kind), full, value);
    } catch (const std::exception&) {
      taken = false;  // the registry holds this name as another kind, from another module
    }
  }
  if (taken) return;
  refused_metrics_.add();
  if (!std::exchange(metric_refusal_said_, true)) {
    logWarn(kArea,
            "a metric was refused; the name is [a-z0-9_] and ends in none of _bucket, _count and "
            "_sum, one kind per name, the value finite",
            {{"module", module_id_}, {"name", bounded(name, kModuleMetricNameMax)}});
  }
}

void HostModuleSink::close() {
  MutexLock lock(mutex_);
  metrics_ = nullptr;
}

bool HostModuleSink::mayLog() {
  bool may = false;
  std::int64_t missed = 0;
  {
    MutexLock lock(mutex_);
    if (metrics_ == nullptr) return false;
    const SteadyTime now = clock_.steadyNow();
    may = lines_.take(now);
    if (!may) {
      ++dropped_;
      dropped_lines_.add();
    }
    missed = takeDropsToTell(now);
  }
  if (missed > 0) {
    logWarn(kArea, "log lines were dropped: the module writes too many",
            {{"module", module_id_}, {"dropped", missed}});
  }
  return may;
}

std::int64_t HostModuleSink::takeDropsToTell(SteadyTime now) {
  if (dropped_ == 0 || now < tell_drops_at_) return 0;
  tell_drops_at_ = now + kModuleDropsToldEvery;
  return std::exchange(dropped_, 0);
}

// Throws when the registry holds the name as another kind.
void HostModuleSink::apply(MetricKind kind, const std::string& name, double value) {
  auto found = series_.find(name);
  if (kind == MetricKind::kCounter) {
    if (found == series_.end()) {
      found = series_.emplace(name, metrics_->counter(name, kMetricHelp, labels_)).first;
    }
    std::get<Counter>(found->second).add(value);
  } else if (kind == MetricKind::kGauge) {
    if (found == series_.end()) {
      found = series_.emplace(name, metrics_->gauge(name, kMetricHelp, labels_)).first;
    }
    std::get<Gauge>(found->second).set(value);
  } else {
    if (found == series_.end()) {
      found =
          series_.emplace(name, metrics_->histogram(name, kMetricHelp, kBuckets, labels_)).first;
    }
    std::get<Histogram>(found->second).observe(value);
  }
}

}  // namespace modhost::host
