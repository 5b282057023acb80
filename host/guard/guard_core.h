// GuardCore: what the attempts and closings of one LedgerGuard share: the way to the platform, the
// timer, the counters, and the count of what is under way, so that the guard's end
// can wait for it.
//
// Threads: every method from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/base/mutex.h"
#include "host/base/thread.h"
#include "host/guard/delivery_ledger.h"
#include "host/guard/guard.h"
#include "host/guard/recent_calls.h"

namespace modhost::host {

struct GuardMetrics {
  explicit GuardMetrics(Metrics& metrics);
  Counter ambiguous_creates;
  Counter refused_calls;
  Counter completed_steps;
  Counter failed_steps;
  Counter apologies;
  Counter failed_closings;
  Counter failed_records;
  Counter failed_stop_polls;
};

std::shared_ptr<const CallOrigin> originOf(const Event& event, const DeliveryKey& key);

class GuardCore {
 public:
  using Ticket = std::uint64_t;  // of one platform call, never 0

  GuardCore(Inbox& inbox, Platform& platform, Clock& clock, Metrics& metrics,
            GuardSettings settings);
  // Asserts that stop() was called.
  ~GuardCore();

  // Platform::call(), withdraw() and cancel(), but the latter two also work before call() has
  // returned. With an owner the call is kept among the recent ones.
  Ticket send(PlatformRequest request, const std::optional<CallOwner>& owner, PlatformDone done);
  void withdraw(Ticket ticket) { cut(ticket, Cut::kWithdrawn); }
  void cancel(Ticket ticket) { cut(ticket, Cut::kCancelled); }

  // One of the guard's own calls on behalf of a delivery, within call_timeout.
  void sendOwn(const Event& event, const DeliveryKey& key, std::string method, std::string path,
               std::string body, PlatformDone done);
  // Reads the event's assistant message, in one try, until `deadline`. The looks of an attempt for
  // the user's stop have no owner: they come by the clock, and would push out what tells something.
  Ticket lookAtMessage(const Event& event, std::shared_ptr<const CallOrigin> origin,
                       const std::optional<CallOwner>& owner, SteadyTime deadline,
                       PlatformDone done);

  // Runs `task` on the timer's thread once `delay` has passed; stop() drops what has not run.
  void after(Milliseconds delay, std::function<void()> task);
  // The same for what is under way and must go on: stop() runs it at once.
  void afterOrStop(Milliseconds delay, std::function<void()> task);

  // The live ledger of the delivery, or a new one: read from the inbox when `read` says so
  // (blocks), else empty but for an answer another live delivery of the event knows of.
  Result<std::shared_ptr<DeliveryLedger>> ledgerOf(const DeliveryKey& key, bool read);

  // Each enter() needs one leave(), as the last thing of what was entered; stop() waits for the
  // last one.
  void enter();
  // For what begins by itself, not within something that was entered. False: stop() was called.
  bool enterUnlessStopping();
  void leave();
  // From now on every platform call is cut. Returns when nothing is under way any more. Not from a
  // callback.
  void stop();

  // The usual ending of a record: a failure is counted and logged, as the inbox reports its own
  // fault.
  void noteRecord(const Result<void>& recorded);
  void countAmbiguous(int creates);

  Inbox& inbox;
  Clock& clock;
  const GuardSettings settings;
  GuardMetrics metrics;
  RecentCalls calls;

 private:
  enum class Cut { kNone = 1, kWithdrawn, kCancelled };
  struct Wire {
    PlatformCallId id = 0;  // 0: call() has not returned yet
    Cut cut = Cut::kNone;
  };

  struct Task {
    std::function<void()> run;
    bool at_stop = false;
  };

  void cut(Ticket ticket, Cut how);
  void tellPlatform(PlatformCallId id, Cut cut);
  std::shared_ptr<DeliveryLedger> liveLedger(const DeliveryKey& key) REQUIRES(mutex_);
  std::shared_ptr<AnswerCell> cellOf(EventSeq seq, AnswerState known) REQUIRES(mutex_);
  void forgetDead() REQUIRES(mutex_);
  void runTimer();
  std::vector<std::function<void()>> takeTasks(SteadyTime now) REQUIRES(mutex_);
  void addTimer(SteadyTime due, Task task) REQUIRES(mutex_);

  Platform& platform_;

  Mutex mutex_;
  CondVar changed_;
  std::map<Ticket, Wire> on_wire_ GUARDED_BY(mutex_);
  std::map<DeliveryKey, std::weak_ptr<DeliveryLedger>> ledgers_ GUARDED_BY(mutex_);
  std::map<EventSeq, std::weak_ptr<AnswerCell>> cells_ GUARDED_BY(mutex_);
  std::size_t forget_at_ GUARDED_BY(mutex_) = 1'024;
  std::multimap<SteadyTime, Task> timers_ GUARDED_BY(mutex_);
  Ticket last_ticket_ GUARDED_BY(mutex_) = 0;
  int under_way_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;

  Thread timer_;  // last: it uses everything above
};

}  // namespace modhost::host
