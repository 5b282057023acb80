// Context: what one attempt at one event can do.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "modhost/abi.h"
#include "modhost/detail/host_link.h"
#include "modhost/event.h"
#include "modhost/host_services.h"
#include "modhost/json.h"
#include "modhost/step.h"
#include "modhost/unique/client.h"

namespace modhost {

// Lifetime: dies when handle() returns. Threads: any, as long as handle() has not returned.
class Context {
 public:
  Context(const detail::HostLink& host, modhost_attempt* attempt, const Event& event,
          std::chrono::steady_clock::time_point deadline, const Json& config)
      : host_(host),
        attempt_(attempt),
        number_(event.attempt()),
        deadline_(deadline),
        config_(config),
        unique_(host, attempt, event) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // Shows a line of progress in the chat, RUNNING, below those before it. Throws UniqueError, and
  // modhost::Error when the event names no assistant message: there is no answer that could
  // progress.
  Step step(std::string text) {
    MessageLog log = unique_.createMessageLog({.text = std::move(text), .order = ++steps_});
    return Step(unique_, std::move(log.id), [this](const std::string& words) {
      host_.log(attempt_, MODHOST_LOG_WARN, words, {});
    });
  }

  // The platform's API, on behalf of the event's user.
  const UniqueClient& unique() const { return unique_; }

  // The module's settings, as start() got them.
  const Json& config() const { return config_; }

  // 1 for the first.
  int attempt() const { return number_; }
  // When the attempt's time is up: after it the outcome is ignored and every call is cancelled.
  std::chrono::steady_clock::time_point deadline() const { return deadline_; }
  // True once the work is no longer wanted: the deadline, the user pressed stop, or the host stops.
  bool cancelled() const { return host_.cancelled(attempt_); }

  // As ModuleHost::log(); the host adds the event's id.
  void log(LogLevel level, std::string_view message, const Json& fields = nullptr) const {
    host_.log(attempt_, static_cast<std::int32_t>(level), message,
              fields.is_object() ? dumpJson(fields) : std::string());
  }
  Metrics metrics() const { return Metrics(host_); }

 private:
  const detail::HostLink& host_;
  modhost_attempt* const attempt_;
  const int number_;
  const std::chrono::steady_clock::time_point deadline_;
  const Json& config_;
  const UniqueClient unique_;
  std::atomic<int> steps_ = 0;  // orders given out
};

}  // namespace modhost
