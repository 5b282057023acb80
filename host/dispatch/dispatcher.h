// Dispatcher: who runs, when, how often, and how it ends. It takes deliveries from the inbox, keeps each
// module within its concurrency, its order and its deadline, decides about retries, and settles.
//
// One thread owns all state; completions, readiness and stop requests reach it through a queue. It blocks
// only on inbox commits.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/guard/guard.h"
#include "host/inbox/inbox.h"
#include "host/modules/module_runner.h"

namespace modhost::host {

enum class OrderBy { kNone = 1, kChat };

// `retry:` of one module. An attempt is repeated after backoff, 2·backoff, 4·backoff … up to backoff_max.
struct RetrySettings {
  int attempts = 1;  // in all, the first included
  Milliseconds backoff{1'000};
  Milliseconds backoff_max{300'000};
};

// What dispatch knows of one module.
struct Lane {
  std::shared_ptr<ModuleRunner> runner;
  Milliseconds timeout{120'000};  // per attempt
  OrderBy order_by = OrderBy::kNone;
  RetrySettings retry;
  bool answers = false;           // a bad end of this module owes the chat an apology
  std::shared_ptr<const std::vector<CallPattern>> platform_calls;
};

struct DispatchSettings {
  Milliseconds answer_within{900'000};   // from receipt or replay; older unanswered work is ended
  Milliseconds overrun_grace{1'000};     // between context.cancelled() at the deadline and giving up on it
  Milliseconds drain{30'000};            // stop() waits this long for running deliveries
  int interruptions_max = 3;
  std::size_t window = 1'024;            // deliveries held in memory per module
};

class Dispatcher {
 public:
  // `lanes` by module id (its runner's description().id).
  Dispatcher(Inbox& inbox, Guard& guard, Clock& clock, Metrics& metrics, DispatchSettings settings,
             std::vector<Lane> lanes);
  // stop(), if it was not called.
  ~Dispatcher();

  // Starts the thread and takes what waits. Deliveries for modules that have no lane are ended as
  // kNotConfigured.
  void start();

  // Nothing new is begun; running deliveries finish until `drain`, then are fenced, what is on the wire is
  // awaited, and they are handed back uncounted. Returns when all is settled. Runners are not stopped.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace modhost::host
