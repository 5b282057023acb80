// Dispatcher: who runs, when, how often, and how it ends. It takes deliveries from the inbox, keeps
// each module within its concurrency, its order and its deadline, decides about retries, and
// settles.
//
// What it promises, of each delivery the inbox hands out:
//   - it ends exactly once, and no two of its attempts ever run at once: an attempt is settled only
//   after it
//     was fenced and what it had on the wire was awaited;
//   - its module never runs more than runner->concurrency() attempts of one generation;
//   - with order_by chat, one delivery of a chat runs at a time and in the order of acceptance; one
//   that
//     waits for a retry holds its chat up until it has ended or is older than answer_within. The
//     chat is free again once the end is decided: what is still owed to it is written into that
//     event's own message;
//   - what may have killed a worker runs alone, in a worker of its own, at most suspect_workers at
//   once, until it ends or is found guilty; its deadline does not run while it waits for that;
//   - when a module is saturated, the companies whose deliveries are in its window take turns;
//   - after the user's stop the module is told, its end is awaited, and the delivery is done.
//
// One thread owns all state; completions, readiness and stop requests reach it through a queue. It
// blocks only on the inbox. All its waits are measured on the steady clock: a jump of the wall
// clock moves none.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/dispatch/recent_attempts.h"
#include "host/guard/guard.h"
#include "host/inbox/inbox.h"
#include "host/modules/module_runner.h"

namespace modhost::host {

enum class OrderBy { kNone = 1, kChat };

// `retry:` of one module. An attempt is repeated after backoff, 2·backoff, 4·backoff … up to
// backoff_max. A module that asks for a retry by itself names the delay, but is bound by the same
// two maxima.
struct RetrySettings {
  int attempts = 1;  // in all, the first included
  Milliseconds backoff{1'000};
  Milliseconds backoff_max{300'000};
};

// What dispatch knows of one module.
struct Lane {
  // Held until the lane is replaced and the last attempt that was started on it has been settled.
  std::shared_ptr<ModuleRunner> runner;
  Milliseconds timeout{120'000};  // per attempt
  OrderBy order_by = OrderBy::kNone;
  RetrySettings retry;
  bool answers = false;     // an end of this module without an answer owes the chat an apology
  bool in_process = false;  // its runner's isolation: the host's unclean exits may be its fault
  std::shared_ptr<const std::vector<CallPattern>> platform_calls;  // for Guard::open; not null
};

struct DispatchSettings {
  Milliseconds answer_within{900'000};  // from receipt or replay; older unanswered work is ended
  Milliseconds overrun_grace{
      1'000};                  // between context.cancelled() at the deadline and giving up on it
  Milliseconds drain{30'000};  // stop() waits this long for running deliveries
  int interruptions_max = 3;
  int suspect_workers = 4;     // per module: attempts that run alone, at once
  std::size_t window = 1'024;  // deliveries held in memory per module; retries and closings too
  std::size_t window_bytes = 33'554'432;  // of their bodies; none is taken above it
  // Rounds of closing calls are repeated this long: the outage that made a module fail makes its
  // closing fail too. Then a dead letter says what is open. A restart begins anew.
  Milliseconds close_within{21'600'000};
  Milliseconds closing_backoff{2'000};       // before the second round; doubles …
  Milliseconds closing_backoff_max{60'000};  // … up to this
  Milliseconds inbox_pause{200};             // before the inbox is asked again after kUnavailable
  // What metrics call an event's type: one of few.
  std::function<std::string(const std::string& type)> type_label = [](const std::string&) {
    return "other";
  };
};

class Dispatcher {
 public:
  // `lanes` by module id (its runner's description().id), each once. What is referred to must
  // outlive this.
  Dispatcher(Inbox& inbox, Guard& guard, Clock& clock, Metrics& metrics, DispatchSettings settings,
             std::vector<Lane> lanes);
  // stop(), if it was not called.
  ~Dispatcher();

  // Sets inbox.onReady, starts the thread and takes what waits. Deliveries for modules that have no
  // lane are ended as kNotConfigured. Called once, before the first accept.
  void start();

  // Puts `lanes` in the place of those that serve: new attempts go to them, what runs finishes where
  // it was started, and the waiting deliveries of a module that is no longer among them end as
  // kNotConfigured. A delivery that is in memory already keeps its place in the order, and an answer
  // it owed when it was taken. Returns when the new lanes serve, or at once when this was stopped.
  // Any thread but dispatch's own, after start().
  void reconfigure(std::vector<Lane> lanes);

  // The latest attempts, for people who look on. Any thread.
  const RecentAttempts& recent() const;

  // From now on nothing new is begun; running deliveries go on until `drain`, which counts from
  // here. Returns at once.
  void requestStop();

  // Somebody is waiting for the end: what still runs is fenced now instead of at the end of `drain`.
  // Implies requestStop(). Returns at once; any thread, also while another one is in stop().
  void hurry();

  // requestStop(), if it was not called; then running deliveries finish until `drain`, are fenced,
  // what is on the wire is awaited, and they are handed back uncounted. Closing calls still out by
  // then are left to the next start. Returns when all is settled. Runners are not stopped; what
  // they or the guard report later is ignored. Called by one thread; a second call does nothing.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace modhost::host
