// What the host offers besides the platform: its log and its metrics.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "modhost/abi.h"
#include "modhost/detail/host_link.h"
#include "modhost/json.h"

namespace modhost {

enum class LogLevel : std::int32_t {
  kDebug = MODHOST_LOG_DEBUG,
  kInfo = MODHOST_LOG_INFO,
  kWarn = MODHOST_LOG_WARN,
  kError = MODHOST_LOG_ERROR,
};

// The module's own metrics: names of [a-z0-9_], to which the host adds its prefix and the module's
// id. Names that end in _bucket, _count or _sum are refused: those are a histogram's. Threads: any.
class Metrics {
 public:
  explicit Metrics(const detail::HostLink& host) : host_(host) {}

  void count(std::string_view name, double by = 1) const {
    host_.metric(MODHOST_METRIC_COUNTER, name, by);
  }
  void set(std::string_view name, double value) const {
    host_.metric(MODHOST_METRIC_GAUGE, name, value);
  }
  void observeSeconds(std::string_view name, double seconds) const {
    host_.metric(MODHOST_METRIC_HISTOGRAM, name, seconds);
  }

 private:
  const detail::HostLink& host_;
};

// What start() is given: the host, outside of any event. Valid until stop() has returned. Threads:
// any.
class ModuleHost {
 public:
  explicit ModuleHost(const detail::HostLink& host) : host_(host) {}
  ModuleHost(const ModuleHost&) = delete;
  ModuleHost& operator=(const ModuleHost&) = delete;

  // `fields` is an object of short values. Never message text: operators may read what users may
  // not.
  void log(LogLevel level, std::string_view message, const Json& fields = nullptr) const {
    host_.log(nullptr, static_cast<std::int32_t>(level), message,
              fields.is_object() ? dumpJson(fields) : std::string());
  }
  Metrics metrics() const { return Metrics(host_); }

 private:
  const detail::HostLink& host_;
};

}  // namespace modhost
