#include "host/guard/guard_core.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "host/base/log.h"
#include "host/guard/row_json.h"

namespace modhost::host {
namespace {

constexpr auto kIdleTimer = std::chrono::hours(1);
// The guard's own calls are about one row or one message.
std::string ownRoute(const std::string& path) { return path.substr(0, path.find('/', 1)) + "/*"; }

constexpr char kClosedHelp[] = "Steps that a module left open and the host closed.";

}  // namespace

std::shared_ptr<const CallOrigin> originOf(const Event& event, const DeliveryKey& key) {
  return std::make_shared<const CallOrigin>(
      CallOrigin{aboutDelivery(event, key), moduleLogScope(key.target), traceOf(event)});
}

GuardMetrics::GuardMetrics(Metrics& metrics)
    : ambiguous_creates(metrics.counter(
          "modhost_ambiguous_creates_total",
          "Message log creates whose reply was never seen; each may have left one more row.")),
      refused_calls(metrics.counter("modhost_guard_refused_calls_total",
                                    "Platform calls of modules refused by path, pattern or body.")),
      completed_steps(
          metrics.counter("modhost_steps_closed_total", kClosedHelp, {{"as", "completed"}})),
      failed_steps(metrics.counter("modhost_steps_closed_total", kClosedHelp, {{"as", "failed"}})),
      apologies(
          metrics.counter("modhost_apologies_total", "Apologies written because no answer stood.")),
      failed_closings(metrics.counter("modhost_closing_calls_failed_total",
                                      "Closing calls the platform did not accept for good.")),
      failed_records(metrics.counter("modhost_guard_records_failed_total",
                                     "Ledger entries the inbox did not take.")),
      failed_stop_polls(metrics.counter("modhost_stop_polls_failed_total",
                                        "Looks for the user's stop that found no message.")) {}

GuardCore::GuardCore(Inbox& box, Platform& platform, Clock& time, Metrics& registry,
                     GuardSettings how)
    : inbox(box),
      clock(time),
      settings(std::move(how)),
      metrics(registry),
      platform_(platform),
      timer_(
          "guard-timer", [this] { runTimer(); }, kThreadStackDefault, Waking::kYields) {}

GuardCore::~GuardCore() {
  MutexLock lock(mutex_);
  MODHOST_ASSERT(stopping_ && under_way_ == 0);
}

GuardCore::Ticket GuardCore::send(PlatformRequest request, const std::optional<CallOwner>& owner,
                                  PlatformDone done) {
  Ticket ticket = 0;
  if (request.origin) request.span_id = newSpanId();
  {
    MutexLock lock(mutex_);
    ticket = ++last_ticket_;
    on_wire_[ticket].cut = stopping_ ? Cut::kCancelled : Cut::kNone;
  }
  const std::uint64_t kept = owner ? calls.begun(*owner, request, clock.wallNow()) : 0;
  const PlatformCallId id =
      platform_.call(std::move(request), [this, ticket, kept, from = clock.steadyNow(),
                                          done = std::move(done)](PlatformOutcome outcome) {
        if (kept != 0) calls.ended(kept, outcome, clock.steadyNow() - from);
        {
          MutexLock lock(mutex_);
          on_wire_.erase(ticket);
        }
        done(std::move(outcome));
      });
  Cut ordered = Cut::kNone;
  {
    MutexLock lock(mutex_);
    const auto wire = on_wire_.find(ticket);
    if (wire == on_wire_.end()) return ticket;
    wire->second.id = id;
    ordered = wire->second.cut;
  }
  tellPlatform(id, ordered);
  return ticket;
}

void GuardCore::cut(Ticket ticket, Cut how) {
  PlatformCallId id = 0;
  {
    MutexLock lock(mutex_);
    const auto wire = on_wire_.find(ticket);
    if (wire == on_wire_.end()) return;
    wire->second.cut = std::max(wire->second.cut, how);
    id = wire->second.id;
  }
  if (id != 0) tellPlatform(id, how);
}

void GuardCore::tellPlatform(PlatformCallId id, Cut cut) {
  if (cut == Cut::kWithdrawn) platform_.withdraw(id);
  if (cut == Cut::kCancelled) platform_.cancel(id);
}

void GuardCore::sendOwn(const Event& event, const DeliveryKey& key, std::string method,
                        std::string path, std::string body, PlatformDone done) {
  PlatformRequest request;
  request.route = ownRoute(path);
  request.origin = originOf(event, key);
  request.method = std::move(method);
  request.path = std::move(path);
  request.body = std::move(body);
  request.user_id = event.user_id;
  request.company_id = event.company_id;
  request.deadline = clock.steadyNow() + settings.call_timeout;
  send(std::move(request), CallOwner{key, 0}, std::move(done));
}

GuardCore::Ticket GuardCore::lookAtMessage(const Event& event,
                                           std::shared_ptr<const CallOrigin> origin,
                                           const std::optional<CallOwner>& owner,
                                           SteadyTime deadline, PlatformDone done) {
  PlatformRequest request;
  request.method = "GET";
  request.path = messageLookPath(event);
  request.route = ownRoute(request.path);
  request.origin = std::move(origin);
  request.user_id = event.user_id;
  request.company_id = event.company_id;
  request.deadline = deadline;
  request.tries_max = 1;
  return send(std::move(request), owner, std::move(done));
}

void GuardCore::after(Milliseconds delay, std::function<void()> task) {
  const SteadyTime due = clock.steadyNow() + delay;
  MutexLock lock(mutex_);
  if (stopping_) return;
  addTimer(due, Task{std::move(task), false});
}

void GuardCore::afterOrStop(Milliseconds delay, std::function<void()> task) {
  const SteadyTime due = clock.steadyNow() + delay;
  {
    MutexLock lock(mutex_);
    if (!stopping_) {
      addTimer(due, Task{std::move(task), true});
      return;
    }
  }
  task();
}

// The timer's thread sleeps until the earliest, so only a new earliest wakes it.
void GuardCore::addTimer(SteadyTime due, Task task) {
  const bool is_next = timers_.empty() || due < timers_.begin()->first;
  timers_.emplace(due, std::move(task));
  if (is_next) changed_.notifyAll();
}

void GuardCore::runTimer() {
  bool stopping = false;
  while (!stopping) {
    std::vector<std::function<void()>> tasks;
    {
      MutexLock lock(mutex_);
      const SteadyTime now = clock.steadyNow();
      stopping = stopping_;
      tasks = takeTasks(now);
      if (tasks.empty() && !stopping) {
        clock.waitUntil(changed_, mutex_,
                        timers_.empty() ? now + kIdleTimer : timers_.begin()->first);
      }
    }
    for (const auto& task : tasks) task();
  }
}

// What is due by `now`, or, once stop() was called, what must go on.
std::vector<std::function<void()>> GuardCore::takeTasks(SteadyTime now) {
  std::vector<std::function<void()>> tasks;
  for (auto it = timers_.begin(); it != timers_.end();) {
    if (!stopping_ && it->first > now) break;
    if (!stopping_ || it->second.at_stop) {
      tasks.push_back(std::move(it->second.run));
      it = timers_.erase(it);
    } else {
      ++it;
    }
  }
  return tasks;
}

Result<std::shared_ptr<DeliveryLedger>> GuardCore::ledgerOf(const DeliveryKey& key, bool read) {
  {
    MutexLock lock(mutex_);
    // One that was opened without a read does not know what a sibling has written since.
    if (auto live = liveLedger(key); live && !read) return live;
  }
  Ledger known;
  if (read) {
    auto stored = inbox.ledger(key);
    if (!stored.ok()) return stored.takeError();
    known = stored.take();
  }
  MutexLock lock(mutex_);
  if (auto live = liveLedger(key)) {
    live->answer().learn(known.answer);
    return live;
  }
  forgetDead();
  auto ledger =
      std::make_shared<DeliveryLedger>(inbox, key, known.steps, cellOf(key.seq, known.answer));
  ledgers_[key] = ledger;
  return ledger;
}

std::shared_ptr<DeliveryLedger> GuardCore::liveLedger(const DeliveryKey& key) {
  const auto found = ledgers_.find(key);
  return found == ledgers_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<AnswerCell> GuardCore::cellOf(EventSeq seq, AnswerState known) {
  if (auto live = cells_[seq].lock()) {
    live->learn(known);
    return live;
  }
  auto cell = std::make_shared<AnswerCell>(inbox, known);
  cells_[seq] = cell;
  return cell;
}

// Dead entries are swept whenever the maps have doubled, which costs each entry a constant.
void GuardCore::forgetDead() {
  if (ledgers_.size() < forget_at_) return;
  const auto isDead = [](const auto& entry) { return entry.second.expired(); };
  std::erase_if(ledgers_, isDead);
  std::erase_if(cells_, isDead);
  forget_at_ = std::max<std::size_t>(1'024, 2 * ledgers_.size());
}

void GuardCore::enter() {
  MutexLock lock(mutex_);
  ++under_way_;
}

bool GuardCore::enterUnlessStopping() {
  MutexLock lock(mutex_);
  if (!stopping_) ++under_way_;
  return !stopping_;
}

void GuardCore::leave() {
  MutexLock lock(mutex_);
  --under_way_;
  if (stopping_) changed_.notifyAll();
}

void GuardCore::stop() {
  std::vector<Ticket> tickets;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    for (const auto& [ticket, wire] : on_wire_) tickets.push_back(ticket);
    changed_.notifyAll();
  }
  for (const Ticket ticket : tickets) cancel(ticket);
  {
    MutexLock lock(mutex_);
    while (under_way_ > 0) changed_.wait(mutex_);
  }
  timer_.join();
  // A task may hold what holds this.
  std::multimap<SteadyTime, Task> dropped;
  {
    MutexLock lock(mutex_);
    dropped.swap(timers_);
  }
}

void GuardCore::noteRecord(const Result<void>& recorded) {
  if (recorded.ok()) return;
  metrics.failed_records.add();
  logError("guard", "the inbox did not take a ledger entry", {{"error", recorded.error().message}});
}

void GuardCore::countAmbiguous(int creates) {
  if (creates > 0) metrics.ambiguous_creates.add(creates);
}

}  // namespace modhost::host
