// How an attempt, and with it perhaps its delivery, ends: the fence, the fate, and what is settled.
#include <string>
#include <utility>

#include "host/base/log.h"
#include "host/dispatch/dispatch_loop.h"

namespace modhost::host {
namespace {

// A closing may be repeated for hours, and needs the names only.
EventPtr withoutBody(Event event) {
  event.body = {};
  return std::make_shared<const Event>(std::move(event));
}

}  // namespace

// --- ending an attempt ---

void DispatchLoop::leaveModule(LaneState& lane, Held& held, SteadyTime ended_at) {
  held.ended_at = ended_at;
  const std::chrono::duration<double> seconds = held.ended_at - held.started_at;
  lane.metrics.attempt_seconds.observe(seconds.count());
  lane.metrics.running.add(-1);
  lane.leave(held);
  if (lane.isTraced()) {
    logLine(LogLevel::kTrace, "dispatch", "attempt came back", held.guarded->about(),
            {{"attempt", held.delivery.attempts},
             {"duration_ms", static_cast<std::int64_t>(seconds.count() * 1'000)}});
  }
  timers_.cancel(held.delivery.key);
  held.phase = Held::Phase::kFencing;
  held.guarded->revoke([mailbox = mailbox_, key = held.delivery.key, token = held.token] {
    mailbox->post(AttemptQuiet{key, token});
  });
}

// The attempt is over in every respect; with the last one of a replaced lane its runner goes.
void DispatchLoop::letGo(Held& held) {
  held.guarded.reset();
  held.runner.reset();
  --attempts_out_;
}

void DispatchLoop::noteEnd(const Held& held, End end, bool again, const std::string& error) {
  const auto took = held.ended_at - held.started_at;
  recent_.ended(held.token, std::chrono::duration_cast<std::chrono::microseconds>(took), end, again,
                error);
}

void DispatchLoop::decide(LaneState& lane, Held& held) {
  if (held.handing_back && !held.guarded->userStopped()) return handBack(lane, held);
  const DeliveryKey& key = held.delivery.key;
  const Result<Guard::Standing> standing = standingOf(lane, held);
  if (!standing) inboxFailed(standing.error());
  if (storage_failed_) return leaveToNextProcess(lane, held);
  if (!standing && drain_until_) return handBack(lane, held);
  if (!standing) return timers_.set(key, clock_.steadyNow() + settings_.inbox_pause);
  apply(lane, held, fateOf(lane, held, standing.value().answered), standing.value());
}

// Where nobody waits for an answer, what others wrote does not matter, and nothing need be read.
Result<Guard::Standing> DispatchLoop::standingOf(const LaneState& lane, const Held& held) {
  if (lane.owesAnswer(held)) return guard_.standing(held.delivery.key);
  return Guard::Standing{held.guarded->openSteps(), false, false};
}

Fate DispatchLoop::fateOf(const LaneState& lane, const Held& held, bool answered) const {
  AttemptReport report{held.end,
                       held.ended_at >= held.deadline,
                       held.guarded->userStopped(),
                       held.delivery.attempts,
                       held.delivery.interruptions,
                       std::nullopt,
                       answered};
  if (lane.owesAnswer(held)) {
    report.answer_left =
        std::chrono::duration_cast<Milliseconds>(held.stale_at - clock_.steadyNow());
  }
  return decideFate(report, {lane.lane.retry, settings_.interruptions_max});
}

void DispatchLoop::apply(LaneState& lane, Held& held, const Fate& fate,
                         const Guard::Standing& standing) {
  letGo(held);
  noteEnd(held, fate.end, fate.next != Fate::Next::kEnd, fate.error);
  if (fate.next == Fate::Next::kEnd) {
    return endForGood(lane, held, fate.end, fate.error, standing);
  }
  waitAgain(lane, held, fate);
}

void DispatchLoop::waitAgain(LaneState& lane, Held& held, const Fate& fate) {
  Delivery& delivery = held.delivery;
  logInfo("dispatch", "attempt to be repeated", aboutDelivery(delivery),
          {{"attempt", delivery.attempts},
           {"end", endWord(fate.end)},
           {"in_ms", fate.delay.count()},
           {"error", fate.error}});
  Settlement settlement{delivery.key, Settlement::To::kHandBack, fate.end, {}, fate.error};
  if (fate.next == Fate::Next::kRetry) {
    settlement.to = Settlement::To::kRetry;
    settlement.due = clock_.wallNow() + fate.delay;
    lane.metrics.retries.add();
  } else {
    --delivery.attempts;
  }
  if (fate.next == Fate::Next::kInterrupted) {
    settlement.to = Settlement::To::kInterrupted;
    ++delivery.interruptions;
  }
  if (fate.next == Fate::Next::kHandBack) ++held.deaths_seen;
  settlements_.push_back(std::move(settlement));
  held.phase = Held::Phase::kWaiting;
  held.alone = lane.suspects(held, settings_);
  lane.queue.again(delivery.key.seq, clock_.steadyNow() + fate.delay, held.alone);
}

// Of a host that stops: the next process gets it.
void DispatchLoop::handBack(LaneState& lane, Held& held) {
  logInfo("dispatch", "attempt handed back", aboutDelivery(held.delivery));
  settlements_.push_back({held.delivery.key, Settlement::To::kHandBack, End::kInterrupted, {}, ""});
  noteEnd(held, End::kInterrupted, true, "");
  leaveToNextProcess(lane, held);
}

void DispatchLoop::leaveToNextProcess(LaneState& lane, Held& held) {
  letGo(held);
  lane.bytes -= held.delivery.event->body.size();
  release(lane, held);
}

// --- ending a delivery ---

void DispatchLoop::endForGood(LaneState& lane, Held& held, End end, std::string error,
                              const Guard::Standing& standing) {
  const LogLevel level = isGood(end) ? LogLevel::kDebug : LogLevel::kWarn;
  if (logEnabled(level, "dispatch")) {
    log(level, "dispatch", "delivery ended", aboutDelivery(held.delivery),
        {{"attempt", held.delivery.attempts}, {"end", endWord(end)}, {"error", error}});
  }
  // Who pressed stop waits for nothing more, who has the apology of before a replay has it.
  const bool something_stands = standing.answered || standing.apologised;
  const bool apology_owed = end != End::kStopped && lane.owesAnswer(held) && !something_stands;
  Ending ending{held.delivery,       end,         std::move(error), held.stale_at,
                standing.open_steps, apology_owed};
  release(lane, held);
  if (standing.open_steps || apology_owed) return close(lane, std::move(ending));
  settleEnded(lane, ending, isGood(end) ? Settlement::To::kDone : Settlement::To::kDead);
}

// What is owed is recorded before the first closing call, so that a crash repeats the closing only.
void DispatchLoop::close(LaneState& lane, Ending ending) {
  const DeliveryKey& key = ending.delivery.key;
  if (ending.apology_owed) lane.metrics.apologies_due.add();
  if (ending.steps_owed && ending.end == End::kOk) {
    lane.metrics.steps_left_open.add();
    logWarn("dispatch", "ok with open steps; they are completed for the module",
            aboutDelivery(ending.delivery));
  }
  if (!ending.delivery.closing) {
    settlements_.push_back({key, Settlement::To::kClosing, ending.end, {}, ending.error});
  }
  ++lane.closing;
  lane.metrics.closings.add(1);
  lane.bytes -= ending.delivery.event->body.size();
  ending.delivery.event = withoutBody(*ending.delivery.event);
  closings_.add(std::move(ending));
}

void DispatchLoop::settleEnded(LaneState& lane, const Ending& ending, Settlement::To to) {
  const DeliveryKey& key = ending.delivery.key;
  lane.bytes -= ending.delivery.event->body.size();
  lane.metrics.ended.at(ending.end).add();
  lane.metrics.outcome(settings_.type_label(ending.delivery.event->type), ending.end).add();
  settlements_.push_back({key, to, ending.end, {}, ending.error});
  ended_.push_back(key.seq);
}

void DispatchLoop::release(LaneState& lane, const Held& held) {
  const EventSeq seq = held.delivery.key.seq;
  lane.queue.remove(seq);
  lane.held.erase(seq);
}

// What has ended may let a sibling's closing go on, which may end too.
void DispatchLoop::endTurn() {
  do {
    for (const EventSeq seq : std::exchange(ended_, {})) closings_.wake(seq);
    closings_.pursueDue();
  } while (!ended_.empty());
  flush();
}

void DispatchLoop::flush() {
  if (!settlements_.empty()) inbox_.settle(std::exchange(settlements_, {}));
}

}  // namespace modhost::host
