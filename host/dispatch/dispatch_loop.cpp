// One turn of the loop: take what the inbox has, start what may start (one begin() for all of it),
// hand over the settlements of the turn, then sleep until somebody reports or a moment comes.
//
// An attempt's way: begun → running → [past its deadline: overrunning] → fencing → decided. Only
// `decide` looks at the guard's ledger and at the fate, and only after the fence was quiet: from
// there on nothing of that attempt can reach the chat any more, so another attempt, or the closing,
// may.
//
// When storage has failed for good, what the module did is no longer recorded and nothing is
// decided on it: running attempts are fenced when they come back, and the next process hands them
// out again.
//
// A reload replaces a lane between two turns. An attempt belongs to the runner it was started on, so
// the old generation's attempts end on the old runner; it is let go with the last of them.
#include "host/dispatch/dispatch_loop.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "host/base/assert.h"
#include "host/base/log.h"

namespace modhost::host {
namespace {

// Taken from the inbox at once, so that window_bytes is overshot by few bodies.
constexpr std::size_t kTakenAtOnce = 64;
constexpr int kSlicesPerTurn = 4;

Milliseconds clamped(Milliseconds value, Milliseconds max) {
  return std::clamp(value, Milliseconds{}, max);
}

}  // namespace

DispatchLoop::DispatchLoop(Inbox& inbox, Guard& guard, Clock& clock, Metrics& metrics,
                           const DispatchSettings& settings, std::vector<Lane> lanes,
                           std::shared_ptr<DispatchMailbox> mailbox)
    : inbox_(inbox),
      guard_(guard),
      clock_(clock),
      metrics_(metrics),
      settings_(settings),
      mailbox_(std::move(mailbox)),
      closings_(inbox, guard, clock, mailbox_, settings_,
                {[this](const Ending& ending, Settlement::To to) {
                   LaneState& lane = laneOf(ending.delivery.key.target);
                   --lane.closing;
                   lane.metrics.closings.add(-1);
                   settleEnded(lane, ending, to);
                 },
                 [this] { flush(); }, [this](const Error& error) { inboxFailed(error); }}) {
  for (Lane& lane : lanes) {
    const Target target = lane.runner->description().id;
    const bool added = lanes_.try_emplace(target, target, std::move(lane), metrics_).second;
    MODHOST_ASSERT(added);
  }
}

void DispatchLoop::run() {
  while (!finished()) {
    takeWork();
    const bool started = startReady();
    endTurn();
    // What was started made room for more, so that is looked at before sleeping.
    const bool awake = started || mayTakeAny() || finished();
    read(mailbox_->take(awake ? clock_.steadyNow() : wakeAt()));
    fireTimers();
  }
  flush();
}

// --- taking from the inbox ---

void DispatchLoop::takeWork() {
  if (!takingWork()) return;
  findTargets();
  for (auto& [target, lane] : lanes_) {
    if (!lane.configured()) endUnconfigured(lane);
    refill(lane);
    expire(lane);
    lane.metrics.held.set(static_cast<double>(lane.held.size()));
  }
}

void DispatchLoop::findTargets() {
  if (targets_known_) return;
  const Result<std::vector<Target>> open = inbox_.openTargets();
  if (!open) return inboxFailed(open.error());
  for (const Target& target : open.value()) laneOf(target);
  targets_known_ = true;
}

// What waited when its module was taken out of the configuration, or came back from its last attempt
// to wait for another.
void DispatchLoop::endUnconfigured(LaneState& lane) {
  std::vector<Held*> waiting;
  for (auto& [seq, held] : lane.held) {
    if (held.phase == Held::Phase::kWaiting) waiting.push_back(&held);
  }
  for (Held* held : waiting) {
    endForGood(lane, *held, End::kNotConfigured, "module not configured",
               standingOrWorst(held->delivery.key));
  }
}

// As soon as there is room for one: it may be of a company whose turn it is. A few slices per turn:
// what ends as it comes in makes room at once, and a whole backlog of it would keep the loop from
// everything else.
void DispatchLoop::refill(LaneState& lane) {
  for (int slice = 0; slice < kSlicesPerTurn && mayTake(lane); ++slice) {
    const std::size_t room = lane.room(settings_);
    Result<std::vector<Delivery>> taken = inbox_.next(lane.target, std::min(room, kTakenAtOnce));
    if (!taken) return inboxFailed(taken.error());
    lane.more = !taken.value().empty();
    for (Delivery& delivery : taken.value()) admit(lane, std::move(delivery));
  }
}

void DispatchLoop::admit(LaneState& lane, Delivery delivery) {
  const EventSeq seq = delivery.key.seq;
  const Event& event = *delivery.event;
  const SteadyTime ready_at = readyAt(lane, delivery);
  lane.bytes += event.body.size();
  Held fresh;
  fresh.answers = lane.lane.answers || !lane.configured();
  fresh.stale_at = staleAt(delivery);
  fresh.delivery = std::move(delivery);
  fresh.alone = lane.suspects(fresh, settings_);
  lane.queue.add({seq, event.company_id, lane.lane.order_by == OrderBy::kChat ? event.chat_id : "",
                  ready_at, fresh.stale_at, fresh.alone});
  const auto added = lane.held.emplace(seq, std::move(fresh));
  MODHOST_ASSERT(added.second);

  Held& held = added.first->second;
  if (held.delivery.closing) {
    endForGood(lane, held, *held.delivery.closing, "", standingOrWorst(held.delivery.key));
  } else if (!lane.configured()) {
    endForGood(lane, held, End::kNotConfigured, "module not configured",
               standingOrWorst(held.delivery.key));
  }
}

void DispatchLoop::expire(LaneState& lane) {
  for (const EventSeq seq : lane.queue.takeStale(clock_.steadyNow())) {
    Held& held = lane.held.at(seq);
    if (!lane.owesAnswer(held)) continue;
    endForGood(lane, held, End::kExpired, "older than answer_within before it could run",
               standingOrWorst(held.delivery.key));
  }
}

// --- starting ---

bool DispatchLoop::startReady() {
  const std::vector<Startable> picked = pickReady();
  if (picked.empty() || !beginAll(picked)) return false;
  for (const Startable& next : picked) launch(*next.lane, *next.held);
  return true;
}

std::vector<DispatchLoop::Startable> DispatchLoop::pickReady() {
  std::vector<Startable> picked;
  if (!takingWork()) return picked;
  const SteadyTime now = clock_.steadyNow();
  for (auto& [target, lane] : lanes_) {
    for (const EventSeq seq : lane.takeReady(now, settings_)) {
      picked.push_back({&lane, &lane.held.at(seq)});
    }
  }
  return picked;
}

bool DispatchLoop::beginAll(const std::vector<Startable>& picked) {
  std::vector<Begin> begins;
  for (const Startable& next : picked) {
    begins.push_back({next.held->delivery.key, next.lane->lane.in_process});
  }
  flush();  // what waits again must be known to wait before it can begin
  const Result<void> begun = inbox_.begin(begins);
  if (begun) return true;
  for (const Startable& next : picked) {
    next.lane->queue.again(next.held->delivery.key.seq, clock_.steadyNow(), next.held->alone);
  }
  inboxFailed(begun.error());
  return false;
}

void DispatchLoop::launch(LaneState& lane, Held& held) {
  const DeliveryKey& key = held.delivery.key;
  const AttemptToken token = ++last_token_;
  held.started_at = clock_.steadyNow();
  held.deadline = held.started_at + lane.lane.timeout;
  held.token = token;
  held.runner = lane.lane.runner;
  held.phase = Held::Phase::kRunning;
  held.end = {};
  // Counted after open(), which reads the ledger of what was begun before; a first one has none.
  held.guarded = guard_.open(held.delivery, held.deadline, lane.lane.platform_calls);
  if (!held.delivery.begun) lane.metrics.queue_seconds.observe(secondsWaited(held.delivery));
  held.delivery.begun = true;
  ++held.delivery.attempts;
  recent_.begun(token, held.delivery, clock_.wallNow());
  tellBegun(lane, held);
  timers_.set(key, held.deadline);
  ++attempts_out_;
  ++lane.running;
  if (held.alone) ++lane.running_alone;
  lane.metrics.running.add(1);
  held.runner->start(
      {token, held.delivery.event, held.delivery.attempts, held.deadline, held.guarded, held.alone},
      [mailbox = mailbox_, key, token](AttemptEnd end) {
        mailbox->postEnded(key, token, std::move(end));
      });
  held.guarded->watchForStop([mailbox = mailbox_, key, token] {
    mailbox->post(AttemptStopped{key, token});
  });
}

void DispatchLoop::tellBegun(const LaneState& lane, const Held& held) {
  if (lane.isTraced()) {
    logLine(LogLevel::kTrace, "dispatch", "attempt begun", held.guarded->about(),
            {{"attempt", held.delivery.attempts},
             {"timeout_ms", lane.lane.timeout.count()},
             {"alone", held.alone ? "yes" : "no"}});
  }
  if (!logShowsText() || !logEnabled(LogLevel::kInfo, "dispatch")) return;
  logInfo("dispatch", "question", held.guarded->about(),
          {{"text", loggedText(questionText(*held.delivery.event))}});
}

// --- what others report, and what time brings ---

void DispatchLoop::read(const DispatchMail& mail) {
  for (const Target& target : mail.ready) laneOf(target).more = true;
  for (const DispatchMessage& message : mail.messages) {
    std::visit([this](const auto& any) { on(any); }, message);
  }
  if (mail.stop && !drain_until_) drain_until_ = clock_.steadyNow() + settings_.drain;
  if (mail.hurry) drain_until_ = clock_.steadyNow();
}

void DispatchLoop::on(const AttemptEnded& message) {
  LaneState& lane = laneOf(message.key.target);
  Held* held = find(lane, message.key, message.token);
  if (held == nullptr || held->phase == Held::Phase::kFencing) return;  // too late to matter
  held->end = message.end;
  leaveModule(lane, *held, message.at);
}

void DispatchLoop::on(const AttemptQuiet& message) {
  LaneState& lane = laneOf(message.key.target);
  Held* held = find(lane, message.key, message.token);
  MODHOST_ASSERT(held != nullptr && held->phase == Held::Phase::kFencing);
  decide(lane, *held);
}

// The guard lets its calls out until it ends: what it has of the answer, it may still write.
void DispatchLoop::on(const AttemptStopped& message) {
  LaneState& lane = laneOf(message.key.target);
  const Held* held = find(lane, message.key, message.token);
  if (held != nullptr && held->withModule()) held->runner->cancel(message.token);
}

void DispatchLoop::on(const ClosingCallsDone& message) { closings_.done(message); }

void DispatchLoop::on(const NewLanesPtr& message) {
  std::set<Target> configured;
  for (Lane& lane : message->lanes) {
    const Target target = lane.runner->description().id;
    laneOf(target).replace(std::move(lane));
    MODHOST_ASSERT(configured.insert(target).second);
  }
  for (auto& [target, lane] : lanes_) {
    if (configured.count(target) == 0) lane.replace(Lane{});
  }
  message->lanes.clear();
  message->serving.set_value();
}

void DispatchLoop::fireTimers() {
  const SteadyTime now = clock_.steadyNow();
  if (pause_until_ && now >= *pause_until_) pause_until_.reset();
  for (const DeliveryKey& key : timers_.takeDue(now)) {
    LaneState& lane = laneOf(key.target);
    timeIsUp(lane, lane.held.at(key.seq));
  }
  closings_.fire(now);
  if (drain_until_ && !drained_ && now >= *drain_until_) handBackRunning();
}

void DispatchLoop::timeIsUp(LaneState& lane, Held& held) {
  switch (held.phase) {
    case Held::Phase::kRunning:
      held.phase = Held::Phase::kOverrunning;
      held.guarded->cancel();
      held.runner->cancel(held.token);
      timers_.set(held.delivery.key, clock_.steadyNow() + settings_.overrun_grace);
      return;
    case Held::Phase::kOverrunning:
      return giveUp(lane, held);
    case Held::Phase::kFencing:
      return decide(lane, held);
    case Held::Phase::kWaiting:
      break;
  }
  MODHOST_UNREACHABLE();
}

void DispatchLoop::giveUp(LaneState& lane, Held& held) {
  held.runner->abandon(held.token);
  lane.metrics.overruns.add();
  held.end.text = "still running after its deadline and overrun_grace";
  leaveModule(lane, held, clock_.steadyNow());
}

void DispatchLoop::handBackRunning() {
  drained_ = true;
  for (auto& [target, lane] : lanes_) {
    for (auto& [seq, held] : lane.held) {
      if (!held.withModule()) continue;
      held.handing_back = true;
      held.runner->cancel(held.token);
      leaveModule(lane, held, clock_.steadyNow());
    }
  }
}

// --- small answers ---

void DispatchLoop::inboxFailed(const Error& error) {
  const bool for_good = error.kind == ErrorKind::kCorrupt || error.kind == ErrorKind::kNotOwner;
  if (storage_failed_) return;
  if (for_good) {
    storage_failed_ = true;
    return logError("dispatch", "storage failed: nothing more is begun",
                    {{"error", error.message}});
  }
  if (!pause_until_) logWarn("dispatch", "the inbox asks for time", {{"error", error.message}});
  pause_until_ = clock_.steadyNow() + settings_.inbox_pause;
}

// Where the ledger cannot be read, everything counts as owed: Guard::close looks again before it
// writes.
Guard::Standing DispatchLoop::standingOrWorst(const DeliveryKey& key) {
  const Result<Guard::Standing> standing = guard_.standing(key);
  if (standing) return standing.value();
  inboxFailed(standing.error());
  return {true, false, false};
}

// The wall clock is asked once, when the delivery is taken, and believed within bounds: a stored
// moment that lies in the future after the clock was set back makes nothing wait longer than it
// could have had to.
SteadyTime DispatchLoop::staleAt(const Delivery& delivery) const {
  const Milliseconds age =
      clamped(clock_.wallNow() - delivery.answer_from, settings_.answer_within);
  return clock_.steadyNow() + (settings_.answer_within - age);
}

SteadyTime DispatchLoop::readyAt(const LaneState& lane, const Delivery& delivery) const {
  return clock_.steadyNow() + clamped(delivery.due - clock_.wallNow(), lane.lane.retry.backoff_max);
}

// By the wall clock, which may have been set back meanwhile.
double DispatchLoop::secondsWaited(const Delivery& delivery) const {
  const auto waited = std::max(clock_.wallNow() - delivery.answer_from, Milliseconds{});
  return std::chrono::duration<double>(waited).count();
}

// One that is not known yet belongs to a module which is no longer configured.
LaneState& DispatchLoop::laneOf(const Target& target) {
  return lanes_.try_emplace(target, target, Lane{}, metrics_).first->second;
}

// Null: that attempt is over.
Held* DispatchLoop::find(LaneState& lane, const DeliveryKey& key, AttemptToken token) {
  const auto found = lane.held.find(key.seq);
  const bool current = found != lane.held.end() && found->second.token == token;
  return current ? &found->second : nullptr;
}

bool DispatchLoop::takingWork() const { return !storage_failed_ && !drain_until_ && !pause_until_; }

bool DispatchLoop::mayTake(const LaneState& lane) const {
  return lane.more && takingWork() && lane.room(settings_) > 0;
}

bool DispatchLoop::mayTakeAny() const {
  return std::any_of(lanes_.begin(), lanes_.end(),
                     [this](const auto& named) { return mayTake(named.second); });
}

bool DispatchLoop::finished() const {
  if (!drain_until_ || attempts_out_ > 0) return false;
  return drained_ || !closings_.busy();
}

std::optional<SteadyTime> DispatchLoop::wakeAt() const {
  std::optional<SteadyTime> at = earlier(timers_.next(), closings_.wakeAt());
  at = earlier(at, pause_until_);
  if (!drained_) at = earlier(at, drain_until_);
  if (!takingWork()) return at;
  for (const auto& [target, lane] : lanes_) at = earlier(at, lane.queue.wakeAt());
  return at;
}

}  // namespace modhost::host
