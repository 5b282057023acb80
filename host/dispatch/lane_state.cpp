#include "host/dispatch/lane_state.h"

#include <algorithm>
#include <string>
#include <utility>

#include "host/dispatch/delivery_fate.h"

namespace modhost::host {
namespace {

const std::vector<double> kAttemptSeconds = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1,
                                             2.5,   5,     10,   30,   60,  120, 300};

// From the hand-over in memory to a backlog of hours.
const std::vector<double> kQueueSeconds = {0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1,
                                           5,     15,     60,    300,  900,  3600};

std::map<End, Counter> endCounters(Metrics& metrics, const Target& target) {
  std::map<End, Counter> counters;
  for (const End end : {End::kOk, End::kSkipped, End::kRejected, End::kFailed, End::kOverran,
                        End::kInterrupted, End::kNotConfigured, End::kExpired, End::kStopped}) {
    counters.emplace(
        end, metrics.counter("modhost_deliveries_total", "Deliveries that ended for good, by how.",
                             {{"module", target}, {"end", std::string(endWord(end))}}));
  }
  return counters;
}

}  // namespace

LaneMetrics::LaneMetrics(Metrics& metrics, const Target& name)
    : registry(metrics),
      target(name),
      ended(endCounters(metrics, target)),
      attempt_seconds(metrics.histogram("modhost_attempt_seconds",
                                        "How long the module had an attempt, overruns included.",
                                        kAttemptSeconds, {{"module", target}})),
      queue_seconds(metrics.histogram("modhost_queue_wait_seconds",
                                      "From an event's receipt, or replay, to its first attempt.",
                                      kQueueSeconds, {{"module", target}})),
      running(
          metrics.gauge("modhost_running", "Attempts the module has now.", {{"module", target}})),
      held(metrics.gauge("modhost_deliveries_held",
                         "Deliveries in memory, waiting or running; at most the window.",
                         {{"module", target}})),
      closings(metrics.gauge("modhost_closings",
                             "Deliveries that ended while their chat is still owed something.",
                             {{"module", target}})),
      retries(metrics.counter("modhost_retries_total",
                              "Attempts after which the delivery waits for another.",
                              {{"module", target}})),
      overruns(metrics.counter("modhost_overruns_total",
                               "Attempts given up on after their deadline and overrun_grace.",
                               {{"module", target}})),
      steps_left_open(metrics.counter("modhost_steps_left_open_total",
                                      "Deliveries that ended ok with a message log still open.",
                                      {{"module", target}})),
      apologies_due(metrics.counter("modhost_apologies_due_total",
                                    "Deliveries that ended for good while no answer stood.",
                                    {{"module", target}})) {}

Counter& LaneMetrics::outcome(const std::string& type, End end) {
  std::map<End, Counter>& counters = outcomes[type];
  const auto known = counters.find(end);
  if (known != counters.end()) return known->second;
  const Counter counter = registry.counter(
      "modhost_event_outcomes_total",
      "Deliveries that ended for good, by the event's type, by module and by how.",
      {{"type", type}, {"module", target}, {"outcome", std::string(endWord(end))}});
  return counters.emplace(end, counter).first->second;
}

void LaneState::replace(Lane next) {
  if (next.runner != lane.runner) running = running_alone = 0;
  lane = std::move(next);
  more = true;
}

// Those of a replaced generation are not counted any more.
void LaneState::leave(const Held& attempt) {
  if (attempt.runner != lane.runner) return;
  --running;
  if (attempt.alone) --running_alone;
}

// An event without an assistant message shows no bubble: there is nothing to write an apology into.
bool LaneState::owesAnswer(const Held& delivery) const {
  return (lane.answers || delivery.answers) &&
         !delivery.delivery.event->assistant_message_id.empty();
}

int LaneState::aloneSlots(const DispatchSettings& settings) const {
  return std::min(slots(), settings.suspect_workers - running_alone);
}

// One that was beside too many deaths is looked at too: memory that it spoils may bring down the
// threads of others, who are named in its place.
bool LaneState::suspects(const Held& one, const DispatchSettings& settings) const {
  if (lane.in_process) return false;
  return one.delivery.interruptions > 0 || one.deaths_seen >= settings.interruptions_max;
}

// Suspects first: they have waited longest, and few of them run at once.
std::vector<EventSeq> LaneState::takeReady(SteadyTime now, const DispatchSettings& settings) {
  std::vector<EventSeq> ready;
  if (!queue.startable(now) && !queue.aloneStartable(now)) return ready;
  int free = slots();
  for (int alone = aloneSlots(settings); alone > 0; --alone, --free) {
    const std::optional<EventSeq> seq = queue.startAlone(now);
    if (!seq) break;
    ready.push_back(*seq);
  }
  for (; free > 0; --free) {
    const std::optional<EventSeq> seq = queue.start(now);
    if (!seq) break;
    ready.push_back(*seq);
  }
  return ready;
}

std::size_t LaneState::room(const DispatchSettings& settings) const {
  if (closing >= kClosingsPerPlace * settings.window) return 0;
  if (held.size() >= settings.window || bytes >= settings.window_bytes) return 0;
  return settings.window - held.size();
}

}  // namespace modhost::host
