// Closings: deliveries whose end is decided while their chat is still owed something. Open steps
// are closed at once. The apology belongs to the message, so it waits until the event's other
// deliveries have ended, or until answer_within has passed, whichever comes first; of several that
// owe it the first by name writes it.
//
// Threads: the dispatch thread alone.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/dispatch/dispatch_mailbox.h"
#include "host/dispatch/dispatcher.h"
#include "host/dispatch/timers.h"
#include "host/guard/guard.h"
#include "host/inbox/inbox.h"

namespace modhost::host {

// A delivery whose end is decided, and what the chat is still owed.
struct Ending {
  Delivery delivery;
  End end = End::kFailed;
  std::string error;
  SteadyTime stale_at{};    // from then on its apology waits for nobody
  bool steps_owed = false;  // some message log may be RUNNING
  bool apology_owed = false;
};

class Closings {
 public:
  // How it tells its owner. `settle` takes a closing that is over; `flush` hands all recorded
  // settlements to the inbox; `inbox_failed` judges an error of the inbox.
  struct Owner {
    std::function<void(const Ending&, Settlement::To)> settle;
    std::function<void()> flush;
    std::function<void(const Error&)> inbox_failed;
  };

  Closings(Inbox& inbox, Guard& guard, Clock& clock, std::shared_ptr<DispatchMailbox> mailbox,
           const DispatchSettings& settings, Owner owner);

  // Takes over a delivery whose kClosing is recorded and that owes something.
  void add(Ending ending);

  // A round of closing calls is over.
  void done(const ClosingCallsDone& message);

  // A delivery of this event has ended, or is only here any more: what waited for it may go on.
  void wake(EventSeq seq);

  // What time made due.
  void fire(SteadyTime now);
  std::optional<SteadyTime> wakeAt() const { return timers_.next(); }

  // Goes on with all that was added, done, woken or became due since the last call; asks the inbox
  // once for all of it.
  void pursueDue();

  // Some round of closing calls is out, or due.
  bool busy() const { return calls_out_ > 0 || !due_.empty(); }

 private:
  enum class State { kCalling = 1, kBackingOff, kWaitingForSiblings };
  struct Open {
    Ending ending;
    State state = State::kWaitingForSiblings;
    int rounds_failed = 0;
    SteadyTime give_up_at{};
    bool apologising = false;  // in the round that is out
  };
  enum class Turn { kNow = 1, kLater, kUnknown };

  void pursue(const DeliveryKey& key, const std::map<EventSeq, int>& in_inbox);
  void callGuard(Open& open, bool apologise);
  void waitForSiblings(Open& open, Turn turn);
  void retryOrGiveUp(Open& open);
  void settle(const DeliveryKey& key, Settlement::To to);
  std::vector<EventSeq> doubtful(const std::set<DeliveryKey>& keys) const;
  std::map<EventSeq, int> countOpen(const std::vector<EventSeq>& seqs);
  Turn turnToApologise(const DeliveryKey& key, SteadyTime stale_at,
                       const std::map<EventSeq, int>& in_inbox) const;
  Turn turnAmongSiblings(const DeliveryKey& key, int in_inbox) const;

  Inbox& inbox_;
  Guard& guard_;
  Clock& clock_;
  const std::shared_ptr<DispatchMailbox> mailbox_;
  const DispatchSettings settings_;
  const Owner owner_;

  std::map<DeliveryKey, Open> open_;  // siblings stand side by side
  Timers<DeliveryKey> timers_;
  std::set<DeliveryKey> due_;
  int calls_out_ = 0;
};

}  // namespace modhost::host
