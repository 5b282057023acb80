// DispatchLoop: what the dispatch thread does. See dispatcher.h for what it promises.
//
// Threads: run() is the dispatch thread; nothing else of it is touched by another but recent().
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/dispatch/closings.h"
#include "host/dispatch/delivery_fate.h"
#include "host/dispatch/dispatch_mailbox.h"
#include "host/dispatch/dispatcher.h"
#include "host/dispatch/lane_state.h"
#include "host/dispatch/recent_attempts.h"
#include "host/dispatch/timers.h"

namespace modhost::host {

class DispatchLoop {
 public:
  DispatchLoop(Inbox& inbox, Guard& guard, Clock& clock, Metrics& metrics,
               const DispatchSettings& settings, std::vector<Lane> lanes,
               std::shared_ptr<DispatchMailbox> mailbox);

  // Until a stop has been carried out.
  void run();

  const RecentAttempts& recent() const { return recent_; }

 private:
  struct Startable {
    LaneState* lane;
    Held* held;
  };

  // Taking from the inbox.
  void takeWork();
  void findTargets();
  void endUnconfigured(LaneState& lane);
  void refill(LaneState& lane);
  void admit(LaneState& lane, Delivery delivery);
  void expire(LaneState& lane);

  // Starting.
  bool startReady();  // true: something was started
  std::vector<Startable> pickReady();
  bool beginAll(const std::vector<Startable>& picked);
  void launch(LaneState& lane, Held& held);
  static void tellBegun(const LaneState& lane, const Held& held);

  // What others report, and what time brings.
  void read(const DispatchMail& mail);
  void on(const AttemptEnded& message);
  void on(const AttemptQuiet& message);
  void on(const AttemptStopped& message);
  void on(const ClosingCallsDone& message);
  void on(const NewLanesPtr& message);
  void fireTimers();
  void timeIsUp(LaneState& lane, Held& held);
  void giveUp(LaneState& lane, Held& held);
  void handBackRunning();

  // Ending an attempt.
  void leaveModule(LaneState& lane, Held& held, SteadyTime ended_at);
  void letGo(Held& held);
  void noteEnd(const Held& held, End end, bool again, const std::string& error);
  void decide(LaneState& lane, Held& held);
  Result<Guard::Standing> standingOf(const LaneState& lane, const Held& held);
  Fate fateOf(const LaneState& lane, const Held& held, bool answered) const;
  void apply(LaneState& lane, Held& held, const Fate& fate, const Guard::Standing& standing);
  void waitAgain(LaneState& lane, Held& held, const Fate& fate);
  void handBack(LaneState& lane, Held& held);
  void leaveToNextProcess(LaneState& lane, Held& held);

  // Ending a delivery.
  void endForGood(LaneState& lane, Held& held, End end, std::string error,
                  const Guard::Standing& standing);
  void close(LaneState& lane, Ending ending);
  void settleEnded(LaneState& lane, const Ending& ending, Settlement::To to);
  void release(LaneState& lane, const Held& held);
  void endTurn();
  void flush();

  // Small answers.
  void inboxFailed(const Error& error);
  Guard::Standing standingOrWorst(const DeliveryKey& key);
  SteadyTime staleAt(const Delivery& delivery) const;
  SteadyTime readyAt(const LaneState& lane, const Delivery& delivery) const;
  double secondsWaited(const Delivery& delivery) const;
  LaneState& laneOf(const Target& target);
  Held* find(LaneState& lane, const DeliveryKey& key, AttemptToken token);
  bool takingWork() const;
  bool mayTake(const LaneState& lane) const;
  bool mayTakeAny() const;
  bool finished() const;
  std::optional<SteadyTime> wakeAt() const;

  Inbox& inbox_;
  Guard& guard_;
  Clock& clock_;
  Metrics& metrics_;
  const DispatchSettings settings_;
  const std::shared_ptr<DispatchMailbox> mailbox_;

  std::map<Target, LaneState> lanes_;
  Closings closings_;
  std::vector<Settlement> settlements_;  // decided, not yet with the inbox
  std::vector<EventSeq> ended_;          // whose siblings are to be told
  Timers<DeliveryKey> timers_;           // of attempts: deadline, grace, another look at the ledger
  AttemptToken last_token_ = 0;
  RecentAttempts recent_;
  int attempts_out_ = 0;  // begun and not yet settled

  bool targets_known_ = false;
  bool storage_failed_ = false;            // nothing is begun or decided any more
  std::optional<SteadyTime> pause_until_;  // the inbox asked for time
  std::optional<SteadyTime> drain_until_;  // set: stopping
  bool drained_ = false;
};

}  // namespace modhost::host
