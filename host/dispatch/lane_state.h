// LaneState: one module's deliveries in memory and the numbers kept about them. Plain data of the
// dispatch thread; what happens to it is decided in dispatch_loop.cpp.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "host/base/log.h"
#include "host/base/metrics.h"
#include "host/dispatch/dispatcher.h"
#include "host/dispatch/lane_queue.h"

namespace modhost::host {

// One delivery from next() until its end is decided.
struct Held {
  enum class Phase {
    kWaiting = 1,  // in the lane's queue
    kRunning,      // the module has it
    kOverrunning,  // past its deadline: told to give up
    kFencing,      // the module has it no more; what is on the wire is awaited
  };

  Delivery delivery;
  SteadyTime stale_at{};  // answer_within after receipt or replay
  Phase phase = Phase::kWaiting;
  int deaths_seen = 0;  // of workers it was in, which were not counted against it
  bool alone = false;   // its attempts run in workers of their own
  // When this was taken its module answered, or was gone and may have: a reload does not undo that.
  bool answers = false;

  // Of the latest attempt.
  AttemptToken token = 0;
  std::shared_ptr<ModuleRunner> runner;  // of the generation it was started on; null: none is out
  SteadyTime started_at{};
  SteadyTime deadline{};
  std::shared_ptr<GuardedAttempt> guarded;
  AttemptEnd end;
  SteadyTime ended_at{};
  bool handing_back = false;  // fenced because the host stops

  bool withModule() const { return phase == Phase::kRunning || phase == Phase::kOverrunning; }
};

struct LaneMetrics {
  LaneMetrics(Metrics& metrics, const Target& target);

  // Of one type of events, as type_label calls it.
  Counter& outcome(const std::string& type, End end);

  Metrics& registry;
  const Target target;
  std::map<End, Counter> ended;
  std::map<std::string, std::map<End, Counter>> outcomes;  // by type
  Histogram attempt_seconds;
  Histogram queue_seconds;
  Gauge running;
  Gauge held;
  Gauge closings;
  Counter retries;
  Counter overruns;
  Counter steps_left_open;
  Counter apologies_due;
};

// Closings stand beside the window, so that chats nobody can write to keep no others waiting. They
// are small (no body), but not without a bound: so many for each place of the window.
inline constexpr std::size_t kClosingsPerPlace = 16;

struct LaneState {
  // A `lane` without a runner is that of a module which is no longer configured.
  LaneState(const Target& name, Lane settings, Metrics& registry)
      : target(name),
        log_scope(moduleLogScope(name)),
        lane(std::move(settings)),
        metrics(registry, name) {}

  bool configured() const { return lane.runner != nullptr; }
  // From now on `next` serves; without a runner: the module is no longer configured.
  void replace(Lane next);
  // The module has given an attempt back.
  void leave(const Held& attempt);
  // Somebody waits for an answer in the chat, and it is this module that owes it.
  bool owesAnswer(const Held& delivery) const;
  // How many more may run on the serving runner.
  int slots() const { return configured() ? lane.runner->concurrency() - running : 0; }
  // How many of these may be attempts that run alone.
  int aloneSlots(const DispatchSettings& settings) const;
  // Whether it is, or may be, what kills workers.
  bool suspects(const Held& one, const DispatchSettings& settings) const;
  // Takes out of the queue what is to start now, as far as there are slots.
  std::vector<EventSeq> takeReady(SteadyTime now, const DispatchSettings& settings);
  // How many more may be held.
  std::size_t room(const DispatchSettings& settings) const;

  // Whether lines at level trace about its attempts are written.
  bool isTraced() const {
    return logEnabled(LogLevel::kTrace, "dispatch") || logEnabled(LogLevel::kTrace, log_scope);
  }

  const Target target;
  const std::string log_scope;
  Lane lane;
  LaneMetrics metrics;
  LaneQueue queue;  // of those in `held`: waiting and out
  std::map<EventSeq, Held> held;
  std::size_t closing = 0;  // handed over to Closings
  std::size_t bytes = 0;    // of the bodies of those in `held`
  int running = 0;          // attempts the serving runner has: kRunning, kOverrunning
  int running_alone = 0;    // of them, in workers of their own
  bool more = true;         // the inbox may have something for it
};

}  // namespace modhost::host
