// ModuleSink: where a module's log lines and metrics go. In the host that is the host's log and
// registry; in a worker process it is the channel to the host.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/base/metrics.h"
#include "host/base/mutex.h"
#include "host/modules/module_runner.h"
#include "host/modules/pace.h"

namespace modhost::host {

// As MODHOST_METRIC_… of the ABI.
enum class MetricKind : std::int32_t { kCounter = 1, kGauge = 2, kHistogram = 3 };

// Threads: any.
class ModuleSink {
 public:
  virtual ~ModuleSink() = default;
  // What a line begins with, the host's own; asked for only when the line is written.
  using About = std::function<LogFields()>;
  // `attempt` is 0 and `about` null for a line about no attempt. `fields` is a JSON object as text, or empty.
  virtual void log(LogLevel level, AttemptToken attempt, const About& about,
                   std::string_view message, std::string_view fields) = 0;
  // `kind` is as the module gave it, maybe none of MetricKind.
  virtual void metric(std::int32_t kind, std::string_view name, double value) = 0;
  // From now on both do nothing: what they write to may be gone. For threads that could not be
  // stopped.
  virtual void close() = 0;
};

// Lines a module may write: so many at once, then so many a second. What is over is counted, and
// said at once and then at most once per period, so that a chatty module can neither fill a disk
// nor hide that it tried.
inline constexpr double kModuleLogBurst = 1'000;
inline constexpr double kModuleLogPerSecond = 200;
inline constexpr Milliseconds kModuleDropsToldEvery{10'000};
// Distinct metrics of one module; each is a time series that every scrape carries.
inline constexpr std::size_t kModuleSeriesMax = 100;
inline constexpr std::size_t kModuleMetricNameMax = 64;

// Into the host's log (area "module", field module) and its registry (prefix "modhost_module_",
// label module). Everything is bounded and checked here again, whoever the caller is.
class HostModuleSink final : public ModuleSink {
 public:
  HostModuleSink(std::string module_id, Metrics& metrics, Clock& clock);

  void log(LogLevel level, AttemptToken attempt, const About& about, std::string_view message,
           std::string_view fields) override EXCLUDES(mutex_);
  void metric(std::int32_t kind, std::string_view name, double value) override EXCLUDES(mutex_);
  // A line that a worker process wrote to its stderr.
  void standardError(std::int64_t pid, std::string_view line) EXCLUDES(mutex_);

  void close() override EXCLUDES(mutex_);

 private:
  bool mayLog() EXCLUDES(mutex_);
  std::int64_t takeDropsToTell(SteadyTime now) REQUIRES(mutex_);
  void apply(MetricKind kind, const std::string& name, double value) REQUIRES(mutex_);

  const std::string module_id_;
  const std::string log_scope_;
  const LogFields about_module_;
  const Labels labels_;
  Clock& clock_;

  Mutex mutex_;
  Metrics* metrics_ GUARDED_BY(mutex_);  // null once closed
  Counter dropped_lines_ GUARDED_BY(mutex_);
  Counter refused_metrics_ GUARDED_BY(mutex_);
  std::map<std::string, std::variant<Counter, Gauge, Histogram>> series_ GUARDED_BY(mutex_);
  Pace lines_ GUARDED_BY(mutex_);
  std::int64_t dropped_ GUARDED_BY(mutex_) = 0;  // not told yet
  SteadyTime tell_drops_at_ GUARDED_BY(mutex_);
  bool metric_refusal_said_ GUARDED_BY(mutex_) = false;
};

}  // namespace modhost::host
