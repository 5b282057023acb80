#include "host/dispatch/closings.h"

#include <utility>
#include <vector>

#include "host/base/assert.h"
#include "host/base/log.h"
#include "host/dispatch/delivery_fate.h"

namespace modhost::host {

Closings::Closings(Inbox& inbox, Guard& guard, Clock& clock,
                   std::shared_ptr<DispatchMailbox> mailbox, const DispatchSettings& settings,
                   Owner owner)
    : inbox_(inbox),
      guard_(guard),
      clock_(clock),
      mailbox_(std::move(mailbox)),
      settings_(settings),
      owner_(std::move(owner)) {}

void Closings::add(Ending ending) {
  const DeliveryKey key = ending.delivery.key;
  Open open;
  open.ending = std::move(ending);
  open.give_up_at = clock_.steadyNow() + settings_.close_within;
  const bool added = open_.emplace(key, std::move(open)).second;
  MODHOST_ASSERT(added);
  wake(key.seq);
}

void Closings::done(const ClosingCallsDone& message) {
  Open& open = open_.at(message.key);
  MODHOST_ASSERT(open.state == State::kCalling);
  --calls_out_;
  if (!message.all_accepted) return retryOrGiveUp(open);
  open.ending.steps_owed = false;
  if (open.apologising) open.ending.apology_owed = false;
  due_.insert(message.key);
}

void Closings::wake(EventSeq seq) {
  for (auto it = open_.lower_bound({seq, ""}); it != open_.end() && it->first.seq == seq; ++it) {
    if (it->second.state == State::kWaitingForSiblings) due_.insert(it->first);
  }
}

void Closings::fire(SteadyTime now) {
  for (const DeliveryKey& key : timers_.takeDue(now)) due_.insert(key);
}

void Closings::pursueDue() {
  const std::set<DeliveryKey> due = std::exchange(due_, {});
  const std::map<EventSeq, int> in_inbox = countOpen(doubtful(due));
  for (const DeliveryKey& key : due) pursue(key, in_inbox);
}

// The one place that decides what is next for a closing: the apology if it may go (the same round
// closes the steps), else the steps, else waiting, and with nothing owed the end.
void Closings::pursue(const DeliveryKey& key, const std::map<EventSeq, int>& in_inbox) {
  Open& open = open_.at(key);
  timers_.cancel(key);
  const Ending& ending = open.ending;
  const Turn turn =
      ending.apology_owed ? turnToApologise(key, ending.stale_at, in_inbox) : Turn::kLater;
  if (turn == Turn::kNow) return callGuard(open, true);
  if (ending.steps_owed) return callGuard(open, false);
  if (ending.apology_owed) return waitForSiblings(open, turn);
  settle(key, isGood(ending.end) ? Settlement::To::kDone : Settlement::To::kDead);
}

void Closings::callGuard(Open& open, bool apologise) {
  const Ending& ending = open.ending;
  open.state = State::kCalling;
  open.apologising = apologise;
  ++calls_out_;
  // Steps of an answer that the user stopped were not completed.
  const bool stopped = ending.end == End::kStopped;
  const bool ended_well = isGood(ending.end) && !stopped && !ending.apology_owed;
  // An earlier process may have answered and lost the record of it (storage failed, power cut).
  const bool look_first = ending.delivery.inherited || ending.end == End::kNotConfigured;
  guard_.close({ending.delivery, ended_well, apologise, look_first},
               [mailbox = mailbox_, key = ending.delivery.key](bool all_accepted) {
                 mailbox->post(ClosingCallsDone{key, all_accepted});
               });
}

// A sibling's end wakes it, or answer_within; but the inbox must be asked again if it did not say.
void Closings::waitForSiblings(Open& open, Turn turn) {
  const SteadyTime ask_again = clock_.steadyNow() + settings_.inbox_pause;
  open.state = State::kWaitingForSiblings;
  timers_.set(open.ending.delivery.key, turn == Turn::kUnknown ? ask_again : open.ending.stale_at);
}

void Closings::retryOrGiveUp(Open& open) {
  Ending& ending = open.ending;
  const DeliveryKey key = ending.delivery.key;
  ++open.rounds_failed;
  if (clock_.steadyNow() < open.give_up_at) {
    const RetrySettings rounds{0, settings_.closing_backoff, settings_.closing_backoff_max};
    open.state = State::kBackingOff;
    timers_.set(key, clock_.steadyNow() + backoffAfter(rounds, open.rounds_failed));
    return;
  }
  ending.error += ending.error.empty() ? "" : "; ";
  ending.error += "the chat could not be closed";
  logError("dispatch", "a chat was left open: closing calls failed", aboutDelivery(ending.delivery),
           {{"rounds", open.rounds_failed}});
  settle(key, Settlement::To::kDead);
}

void Closings::settle(const DeliveryKey& key, Settlement::To to) {
  const Ending ending = std::move(open_.at(key).ending);
  open_.erase(key);
  owner_.settle(ending, to);
}

// The events whose siblings decide about an apology.
std::vector<EventSeq> Closings::doubtful(const std::set<DeliveryKey>& keys) const {
  std::vector<EventSeq> seqs;
  for (const DeliveryKey& key : keys) {
    const Ending& ending = open_.at(key).ending;
    if (ending.apology_owed && clock_.steadyNow() < ending.stale_at) seqs.push_back(key.seq);
  }
  return seqs;
}

// Empty when the inbox does not say.
std::map<EventSeq, int> Closings::countOpen(const std::vector<EventSeq>& seqs) {
  std::map<EventSeq, int> counts;
  if (seqs.empty()) return counts;
  owner_.flush();
  const Result<std::vector<int>> open = inbox_.openDeliveriesOf(seqs);
  if (!open) {
    owner_.inbox_failed(open.error());
    return counts;
  }
  for (std::size_t i = 0; i < seqs.size(); ++i) counts[seqs[i]] = open.value()[i];
  return counts;
}

Closings::Turn Closings::turnToApologise(const DeliveryKey& key, SteadyTime stale_at,
                                         const std::map<EventSeq, int>& in_inbox) const {
  if (clock_.steadyNow() >= stale_at) return Turn::kNow;
  const auto found = in_inbox.find(key.seq);
  return found == in_inbox.end() ? Turn::kUnknown : turnAmongSiblings(key, found->second);
}

// Siblings that owe an apology themselves would wait for one another: the first of them goes.
Closings::Turn Closings::turnAmongSiblings(const DeliveryKey& key, int in_inbox) const {
  int owing = 0;
  for (auto it = open_.lower_bound({key.seq, ""}); it != open_.end() && it->first.seq == key.seq;
       ++it) {
    if (!it->second.ending.apology_owed) continue;
    if (it->first < key) return Turn::kLater;
    ++owing;
  }
  return in_inbox <= owing ? Turn::kNow : Turn::kLater;
}

}  // namespace modhost::host
