#include "tests/support/memory_inbox.h"

#include <algorithm>
#include <utility>

namespace modhost::host {
namespace {

Error unknown(const DeliveryKey& key) {
  return {ErrorKind::kInvalid,
          "no such delivery: event " + std::to_string(key.seq) + " for " + key.target};
}

}  // namespace

MemoryInbox::MemoryInbox(Clock& clock, MemoryInboxSettings settings)
    : clock_(clock), settings_(settings), thread_("memory-inbox", [this] { runCallbacks(); }) {}

MemoryInbox::~MemoryInbox() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
    changed_.notifyAll();
  }
  thread_.join();
}

Result<Accepted> MemoryInbox::accept(const EventPtr& event, std::span<const Target> targets) {
  MutexLock lock(mutex_);
  if (failure_) return *failure_;
  if (isFull(std::ssize(targets)) && ids_.count(event->id) == 0)
    return Error{ErrorKind::kFull, "waiting_max is reached"};
  Result<EventSeq> seq = storeEvent(event);
  if (!seq) return seq.takeError();
  for (const Target& target : targets) {
    addDelivery({seq.value(), target}, DeliveryLife{});
    tellReady(target);
  }
  deleteIfEnded(seq.value());
  return Accepted{seq.value()};
}

void MemoryInbox::acceptThen(const EventPtr& event, std::vector<Target> targets, AcceptDone done) {
  Result<Accepted> accepted = accept(event, targets);
  MutexLock lock(mutex_);
  call([done = std::move(done), accepted = std::move(accepted)] { done(accepted); });
}

Result<Accepted> MemoryInbox::park(const Event& event, const Target& target, std::string_view why) {
  MutexLock lock(mutex_);
  if (failure_) return *failure_;
  Result<EventSeq> seq = storeEvent(std::make_shared<Event>(event));
  if (!seq) return seq.takeError();
  StoredDelivery& delivery = deliveries_[{seq.value(), target}];
  delivery.answer_from = event.received_at;
  delivery.life.state = DeliveryState::kDead;
  delivery.life.end = End::kRejected;
  markDead(delivery, std::string(why));
  return Accepted{seq.value()};
}

void MemoryInbox::onReady(std::function<void(const Target&)> ready) {
  MutexLock lock(mutex_);
  ready_ = std::move(ready);
}

void MemoryInbox::onFailure(std::function<void(const Error&)> failed) {
  MutexLock lock(mutex_);
  failed_ = std::move(failed);
}

Result<std::vector<Delivery>> MemoryInbox::next(const Target& target, std::size_t max) {
  MutexLock lock(mutex_);
  std::vector<Delivery> taken;
  Unhanded& unhanded = unhanded_[target];
  while (taken.size() < max) {
    const std::optional<EventSeq> seq = unhanded.take();
    if (!seq) break;
    taken.push_back(handedOut({*seq, target}));
  }
  return taken;
}

Result<std::vector<Target>> MemoryInbox::openTargets() {
  MutexLock lock(mutex_);
  std::set<Target> open;
  for (const auto& [key, delivery] : deliveries_) {
    if (isOpen(delivery.life.state)) open.insert(key.target);
  }
  return std::vector<Target>(open.begin(), open.end());
}

Result<void> MemoryInbox::begin(std::span<const Begin> begins) {
  MutexLock lock(mutex_);
  if (failure_) return *failure_;
  for (const Begin& begin : begins) {
    const auto found = deliveries_.find(begin.key);
    if (found == deliveries_.end()) return unknown(begin.key);
    if (found->second.life.state != DeliveryState::kWaiting) {
      return Error{ErrorKind::kInvalid, "begun, but it was not waiting"};
    }
  }
  for (const Begin& begin : begins) beginLife(deliveries_[begin.key].life, begin.in_process);
  return {};
}

void MemoryInbox::settle(std::vector<Settlement> settlements) {
  MutexLock lock(mutex_);
  if (failure_) return;
  for (const Settlement& settlement : settlements) settleOne(settlement);
}

Result<std::vector<int>> MemoryInbox::openDeliveriesOf(std::span<const EventSeq> seqs) {
  MutexLock lock(mutex_);
  if (failure_) return *failure_;
  std::vector<int> open;
  for (const EventSeq seq : seqs) open.push_back(countOpen(seq));
  return open;
}

Result<Ledger> MemoryInbox::ledger(const DeliveryKey& key) {
  MutexLock lock(mutex_);
  Ledger ledger;
  if (const auto event = events_.find(key.seq); event != events_.end()) {
    ledger.answer = event->second.answer;
  }
  if (const auto found = deliveries_.find(key); found != deliveries_.end()) {
    for (const auto& [step_key, step] : found->second.steps) ledger.steps.push_back(step);
  }
  return ledger;
}

void MemoryInbox::record(std::vector<LedgerEntry> entries, Done done) {
  MutexLock lock(mutex_);
  Result<void> outcome;
  if (failure_) outcome = *failure_;
  if (outcome && records_refused_ > 0) {
    --records_refused_;
    outcome = Error{ErrorKind::kUnavailable, "told to refuse records"};
  }
  for (const LedgerEntry& entry : entries) {
    if (outcome && !isOpenKey(entry.key)) outcome = unknown(entry.key);
  }
  for (const LedgerEntry& entry : entries) {
    if (outcome) storeEntry(entry);
  }
  if (!done) return;
  call([done = std::move(done), outcome = std::move(outcome)] { done(outcome); });
}

Result<InboxStats> MemoryInbox::stats() {
  MutexLock lock(mutex_);
  InboxStats stats;
  stats.waiting = countState(DeliveryState::kWaiting);
  stats.running = countState(DeliveryState::kRunning);
  stats.closing = countState(DeliveryState::kClosing);
  stats.done = countState(DeliveryState::kDone);
  stats.dead = countState(DeliveryState::kDead);
  stats.events = std::ssize(events_);
  stats.ambiguous_creates = ambiguous_creates_;
  return stats;
}

Result<std::vector<DeadLetter>> MemoryInbox::deadLetters(std::int64_t after, std::size_t max) {
  MutexLock lock(mutex_);
  std::map<std::int64_t, DeadLetter> by_number;
  for (const auto& [key, delivery] : deliveries_) {
    if (delivery.life.state != DeliveryState::kDead || delivery.dead_number <= after) continue;
    const Event& event = *events_.at(key.seq).event;
    by_number[delivery.dead_number] = {delivery.dead_number,
                                       key,
                                       event.id,
                                       event.received_at,
                                       delivery.died_at,
                                       delivery.life.end.value_or(End::kFailed),
                                       delivery.why,
                                       delivery.life.attempts,
                                       delivery.life.interruptions,
                                       delivery.records};
  }
  std::vector<DeadLetter> letters;
  for (auto& [number, letter] : by_number) {
    if (letters.size() < max) letters.push_back(std::move(letter));
  }
  return letters;
}

Result<EventPage> MemoryInbox::page(const EventQuery& query) {
  MutexLock lock(mutex_);
  std::vector<FoundDelivery> found;
  for (const auto& [key, stored] : deliveries_) {
    const bool kept = isOpen(stored.life.state) || stored.life.state == DeliveryState::kDead;
    const bool beyond = query.oldest_first ? key.seq > query.after : key.seq < query.after;
    if (!kept || (query.after != 0 && !beyond)) continue;
    const Event& event = *events_.at(key.seq).event;
    DeliveryView delivery = view(key.target, stored);
    if (!matches(query, delivery, event.received_at)) continue;
    found.push_back({key.seq, event.id, event.received_at, std::move(delivery)});
  }
  return pageOf(query, std::move(found), std::nullopt);
}

Result<EventSeq> MemoryInbox::seqOf(const std::string& event_id) {
  MutexLock lock(mutex_);
  const auto found = ids_.find(event_id);
  if (found == ids_.end()) return Error{ErrorKind::kInvalid, "no event with this id is kept"};
  return found->second;
}

Result<EventStory> MemoryInbox::story(EventSeq seq) {
  MutexLock lock(mutex_);
  const auto found = events_.find(seq);
  if (found == events_.end()) return Error{ErrorKind::kInvalid, "no such event is kept"};
  EventStory story;
  story.seq = seq;
  story.id = found->second.event->id;
  story.received_at = found->second.event->received_at;
  story.answer = found->second.answer;
  if (found->second.has_body) readEnvelope(found->second.event->body, story);
  for (auto it = deliveries_.lower_bound({seq, {}});
       it != deliveries_.end() && it->first.seq == seq; ++it) {
    const StoredDelivery& stored = it->second;
    if (!isOpen(stored.life.state) && stored.life.state != DeliveryState::kDead) continue;
    DeliveryStory delivery{view(it->first.target, stored), stored.records, {}};
    for (const auto& [key, step] : stored.steps) delivery.steps.push_back(step);
    story.deliveries.push_back(std::move(delivery));
  }
  return story;
}

Result<std::string> MemoryInbox::body(EventSeq seq) {
  MutexLock lock(mutex_);
  const auto found = events_.find(seq);
  if (found == events_.end() || !found->second.has_body) {
    return Error{ErrorKind::kInvalid, "no body is kept for event " + std::to_string(seq)};
  }
  return found->second.event->body;
}

Result<void> MemoryInbox::replay(const DeliveryKey& key, std::span<const Target> targets) {
  MutexLock lock(mutex_);
  if (failure_) return *failure_;
  StoredDelivery* dead = findDead(key);
  if (dead == nullptr) return unknown(key);
  const std::vector<Target> own{key.target};
  if (targets.empty()) targets = own;
  const EventPtr event = events_.at(key.seq).event;
  if (!parseEvent(event->body, event->received_at)) {
    return Error{ErrorKind::kInvalid, "its body is no event"};
  }
  for (const Target& target : targets) {
    if (!replayable(key, target))
      return Error{ErrorKind::kInvalid, "cannot be replayed for " + target};
  }
  const DeliveryLife before = std::exchange(dead->life, {});
  dead->records.clear();  // but not the ledger, which stays until the event has ended
  dead->life.state = DeliveryState::kDropped;
  for (const Target& target : targets) {
    const DeliveryKey again{key.seq, target};
    addDelivery(again, target == key.target ? replayedLife(before) : DeliveryLife{});
    deliveries_[again].answer_from = clock_.wallNow();
    tellReady(target);
  }
  return {};
}

Result<void> MemoryInbox::drop(const DeliveryKey& key) {
  MutexLock lock(mutex_);
  if (failure_) return *failure_;
  StoredDelivery* dead = findDead(key);
  if (dead == nullptr) return unknown(key);
  dead->life.state = DeliveryState::kDropped;
  deleteIfEnded(key.seq);
  return {};
}

std::optional<DeliveryLife> MemoryInbox::life(const DeliveryKey& key) const {
  MutexLock lock(mutex_);
  const auto found = deliveries_.find(key);
  if (found == deliveries_.end()) return std::nullopt;
  return found->second.life;
}

void MemoryInbox::restart() {
  MutexLock lock(mutex_);
  unhanded_.clear();
  inherited_to_ = last_seq_;
  for (auto& [key, delivery] : deliveries_) {
    const int attempt = delivery.life.attempts;
    if (delivery.life.state == DeliveryState::kRunning && recoverLife(delivery.life)) {
      addRecord(delivery, attempt, End::kInterrupted, givenUpWhy(key.target));
    }
    if (isOpen(delivery.life.state)) {
      unhanded_[key.target].add(*events_.at(key.seq).event, key.seq);
    }
  }
}

void MemoryInbox::refuseRecords(int times) {
  MutexLock lock(mutex_);
  records_refused_ = times;
}

void MemoryInbox::fail(const Error& error) {
  MutexLock lock(mutex_);
  if (failure_) return;
  failure_ = Error{ErrorKind::kCorrupt, error.message};
  if (failed_) call([failed = failed_, told = *failure_] { failed(told); });
}

void MemoryInbox::flush() {
  MutexLock lock(mutex_);
  while (calling_ || !callbacks_.empty()) changed_.wait(mutex_);
}

void MemoryInbox::Unhanded::add(const Event& event, EventSeq seq) {
  companies[companyKey(event.company_id)].insert(seq);
}

std::optional<EventSeq> MemoryInbox::Unhanded::take() {
  if (companies.empty()) return std::nullopt;
  auto turn = companies.upper_bound(served_last);
  if (turn == companies.end()) turn = companies.begin();
  served_last = turn->first;
  const EventSeq seq = *turn->second.begin();
  turn->second.erase(turn->second.begin());
  if (turn->second.empty()) companies.erase(turn);
  return seq;
}

Result<EventSeq> MemoryInbox::storeEvent(const EventPtr& event) {
  if (!ids_.emplace(event->id, last_seq_ + 1).second) {
    return Error{ErrorKind::kDuplicate, "an event with this id is stored"};
  }
  ++last_seq_;
  events_[last_seq_].event = event;
  return last_seq_;
}

void MemoryInbox::addDelivery(const DeliveryKey& key, const DeliveryLife& life) {
  StoredDelivery& delivery = deliveries_[key];
  delivery.life = life;
  const Event& event = *events_.at(key.seq).event;
  delivery.answer_from = event.received_at;
  unhanded_[key.target].add(event, key.seq);
}

void MemoryInbox::settleOne(const Settlement& settlement) {
  const auto found = deliveries_.find(settlement.key);
  MODHOST_ASSERT(found != deliveries_.end());
  StoredDelivery& delivery = found->second;
  std::optional<std::string> latest;
  if (!delivery.records.empty()) latest = delivery.records.back().error;
  if (leavesRecord(delivery.life.state, settlement, latest)) {
    addRecord(delivery, delivery.life.attempts, settlement.end, settlement.error);
  }
  settleLife(delivery.life, settlement);
  if (delivery.life.state == DeliveryState::kDead) markDead(delivery, settlement.error);
  deleteIfEnded(settlement.key.seq);
}

void MemoryInbox::addRecord(StoredDelivery& delivery, int attempt, End end, std::string error) {
  delivery.records.push_back({attempt, clock_.wallNow(), end, std::move(error)});
  if (std::ssize(delivery.records) > kAttemptRecordsMax) {
    delivery.records.erase(delivery.records.begin());
  }
}

void MemoryInbox::markDead(StoredDelivery& delivery, std::string why) {
  delivery.dead_number = ++last_dead_number_;
  delivery.died_at = clock_.wallNow();
  delivery.why = std::move(why);
}

// The body and the ledger go when the event's last delivery is done or dropped.
void MemoryInbox::deleteIfEnded(EventSeq seq) {
  const auto first = deliveries_.lower_bound({seq, {}});
  const auto last = deliveries_.lower_bound({seq + 1, {}});
  for (auto it = first; it != last; ++it) {
    if (isOpen(it->second.life.state) || it->second.life.state == DeliveryState::kDead) return;
  }
  for (auto it = first; it != last; ++it) {
    it->second.steps.clear();
    it->second.records.clear();
  }
  StoredEvent& stored = events_.at(seq);
  Event without_body = *stored.event;
  without_body.body.clear();
  stored.event = std::make_shared<Event>(std::move(without_body));
  stored.has_body = false;
}

void MemoryInbox::storeEntry(const LedgerEntry& entry) {
  if (entry.answer) events_.at(entry.key.seq).answer = *entry.answer;
  if (!entry.step) return;
  Step& step = deliveries_.at(entry.key).steps[entry.step->key];
  ambiguous_creates_ += std::max(0, entry.step->ambiguous - step.ambiguous);
  step = *entry.step;
}

bool MemoryInbox::isOpenKey(const DeliveryKey& key) const {
  const auto found = deliveries_.find(key);
  return found != deliveries_.end() && isOpen(found->second.life.state);
}

int MemoryInbox::countOpen(EventSeq seq) const {
  int open = 0;
  for (auto it = deliveries_.lower_bound({seq, {}});
       it != deliveries_.end() && it->first.seq == seq; ++it) {
    if (isOpen(it->second.life.state)) ++open;
  }
  return open;
}

std::int64_t MemoryInbox::countState(DeliveryState state) const {
  return std::count_if(deliveries_.begin(), deliveries_.end(),
                       [state](const auto& entry) { return entry.second.life.state == state; });
}

bool MemoryInbox::isFull(std::int64_t more) const {
  if (std::ssize(deliveries_) + more <= settings_.waiting_max) return false;  // need not count
  return countState(DeliveryState::kWaiting) + more > settings_.waiting_max;
}

// For its own target, or for one of which this event has nothing open and no other dead letter.
bool MemoryInbox::replayable(const DeliveryKey& key, const Target& target) const {
  if (target == kParkedTarget || target == kUnroutedTarget) return false;
  if (target == key.target) return true;
  const auto found = deliveries_.find({key.seq, target});
  return found == deliveries_.end() ||
         (!isOpen(found->second.life.state) && found->second.life.state != DeliveryState::kDead);
}

DeliveryView MemoryInbox::view(const Target& target, const StoredDelivery& stored) {
  DeliveryView made = viewOf(target, stored.life);
  if (stored.life.state != DeliveryState::kDead) return made;
  made.why = stored.why;
  made.died_at = stored.died_at;
  return made;
}

MemoryInbox::StoredDelivery* MemoryInbox::findDead(const DeliveryKey& key) {
  const auto found = deliveries_.find(key);
  const bool dead = found != deliveries_.end() && found->second.life.state == DeliveryState::kDead;
  return dead ? &found->second : nullptr;
}

Delivery MemoryInbox::handedOut(const DeliveryKey& key) const {
  const StoredDelivery& stored = deliveries_.at(key);
  Delivery delivery;
  delivery.key = key;
  delivery.event = events_.at(key.seq).event;
  delivery.attempts = stored.life.attempts;
  delivery.interruptions = stored.life.interruptions;
  delivery.due = stored.life.due;
  delivery.answer_from = stored.answer_from;
  delivery.closing = stored.life.state == DeliveryState::kClosing ? stored.life.end : std::nullopt;
  delivery.begun = stored.life.begun;
  delivery.inherited = key.seq <= inherited_to_;
  return delivery;
}

void MemoryInbox::tellReady(const Target& target) {
  if (ready_) call([ready = ready_, target] { ready(target); });
}

void MemoryInbox::call(std::function<void()> callback) {
  callbacks_.push_back(std::move(callback));
  changed_.notifyAll();
}

void MemoryInbox::runCallbacks() {
  for (;;) {
    std::function<void()> callback;
    {
      MutexLock lock(mutex_);
      calling_ = false;
      changed_.notifyAll();
      while (callbacks_.empty() && !stop_) changed_.wait(mutex_);
      if (callbacks_.empty()) return;
      callback = std::move(callbacks_.front());
      callbacks_.pop_front();
      calling_ = true;
    }
    callback();
  }
}

}  // namespace modhost::host
