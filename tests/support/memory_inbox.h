// MemoryInbox: the whole promise of Inbox and DeadLetters without a disk, and the model that
// SqliteInbox is compared with. A test may end "the process" (restart) or the storage (fail) at any
// moment.
//
// Changes apply before the call returns; what SqliteInbox calls on its writer thread (onReady,
// onFailure, record's done) runs here on one thread of its own, in call order, without locks held.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/mutex.h"
#include "host/base/thread.h"
#include "host/inbox/dead_letters.h"
#include "host/inbox/delivery_life.h"
#include "host/inbox/inbox.h"
#include "host/inbox/waiting_lanes.h"

namespace modhost::host {

struct MemoryInboxSettings {
  std::int64_t waiting_max = 1'000'000;
};

class MemoryInbox final : public Inbox, public DeadLetters {
 public:
  explicit MemoryInbox(Clock& clock, MemoryInboxSettings settings = {});
  // Runs the callbacks that are still queued.
  ~MemoryInbox() override;

  Result<Accepted> accept(const EventPtr& event, std::span<const Target> targets) override;
  void acceptThen(const EventPtr& event, std::vector<Target> targets, AcceptDone done) override;
  Result<Accepted> park(const Event& event, const Target& target, std::string_view why) override;
  void onReady(std::function<void(const Target&)> ready) override;
  void onFailure(std::function<void(const Error&)> failed) override;
  Result<std::vector<Delivery>> next(const Target& target, std::size_t max) override;
  Result<std::vector<Target>> openTargets() override;
  Result<void> begin(std::span<const Begin> begins) override;
  void settle(std::vector<Settlement> settlements) override;
  Result<std::vector<int>> openDeliveriesOf(std::span<const EventSeq> seqs) override;
  Result<Ledger> ledger(const DeliveryKey& key) override;
  void record(std::vector<LedgerEntry> entries, Done done) override;
  Result<InboxStats> stats() override;

  Result<std::vector<DeadLetter>> deadLetters(std::int64_t after, std::size_t max) override;
  Result<EventPage> page(const EventQuery& query) override;
  Result<EventSeq> seqOf(const std::string& event_id) override;
  Result<EventStory> story(EventSeq seq) override;
  Result<std::string> body(EventSeq seq) override;
  Result<void> replay(const DeliveryKey& key, std::span<const Target> targets) override;
  Result<void> drop(const DeliveryKey& key) override;

  // --- for tests only ---

  // The delivery as it stands, also when it is done; nullopt: there never was one.
  std::optional<DeliveryLife> life(const DeliveryKey& key) const;
  // As after SIGKILL and a new start: what was running is recovered, everything open is handed out
  // again.
  void restart();
  // The next `times` records answer kUnavailable, as on a disk that is full for a moment.
  void refuseRecords(int times);
  // Storage fails for good.
  void fail(const Error& error);
  // Returns when every callback queued so far has run. Not from a callback.
  void flush();

 private:
  struct StoredEvent {
    EventPtr event;  // its body is empty once that was deleted
    AnswerState answer = AnswerState::kNone;
    bool has_body = true;
  };
  struct StoredDelivery {
    DeliveryLife life;
    WallTime answer_from{};
    std::vector<AttemptRecord> records;
    std::map<StepKey, Step> steps;
    std::int64_t dead_number = 0;
    WallTime died_at{};
    std::string why;
  };

  // Of one target; companies take turns.
  struct Unhanded {
    std::map<CompanyKey, std::set<EventSeq>> companies;
    CompanyKey served_last = 0;

    void add(const Event& event, EventSeq seq);
    std::optional<EventSeq> take();
  };

  Result<EventSeq> storeEvent(const EventPtr& event) REQUIRES(mutex_);
  void addDelivery(const DeliveryKey& key, const DeliveryLife& life) REQUIRES(mutex_);
  void settleOne(const Settlement& settlement) REQUIRES(mutex_);
  void addRecord(StoredDelivery& delivery, int attempt, End end, std::string error)
      REQUIRES(mutex_);
  void markDead(StoredDelivery& delivery, std::string why) REQUIRES(mutex_);
  void deleteIfEnded(EventSeq seq) REQUIRES(mutex_);
  void storeEntry(const LedgerEntry& entry) REQUIRES(mutex_);
  bool isOpenKey(const DeliveryKey& key) const REQUIRES(mutex_);
  int countOpen(EventSeq seq) const REQUIRES(mutex_);
  std::int64_t countState(DeliveryState state) const REQUIRES(mutex_);
  bool isFull(std::int64_t more) const REQUIRES(mutex_);
  bool replayable(const DeliveryKey& key, const Target& target) const REQUIRES(mutex_);
  static DeliveryView view(const Target& target, const StoredDelivery& stored);
  StoredDelivery* findDead(const DeliveryKey& key) REQUIRES(mutex_);
  Delivery handedOut(const DeliveryKey& key) const REQUIRES(mutex_);
  void tellReady(const Target& target) REQUIRES(mutex_);
  void call(std::function<void()> callback) REQUIRES(mutex_);
  void runCallbacks();

  Clock& clock_;
  const MemoryInboxSettings settings_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::map<EventSeq, StoredEvent> events_ GUARDED_BY(mutex_);
  std::map<std::string, EventSeq> ids_ GUARDED_BY(mutex_);
  std::map<DeliveryKey, StoredDelivery> deliveries_ GUARDED_BY(mutex_);
  std::map<Target, Unhanded> unhanded_ GUARDED_BY(mutex_);
  EventSeq last_seq_ GUARDED_BY(mutex_) = 0;
  EventSeq inherited_to_ GUARDED_BY(mutex_) = 0;  // the last one of before the latest restart
  std::int64_t last_dead_number_ GUARDED_BY(mutex_) = 0;
  std::int64_t ambiguous_creates_ GUARDED_BY(mutex_) = 0;
  std::optional<Error> failure_ GUARDED_BY(mutex_);
  int records_refused_ GUARDED_BY(mutex_) = 0;  // still to come
  std::function<void(const Target&)> ready_ GUARDED_BY(mutex_);
  std::function<void(const Error&)> failed_ GUARDED_BY(mutex_);
  std::deque<std::function<void()>> callbacks_ GUARDED_BY(mutex_);
  bool calling_ GUARDED_BY(mutex_) = false;
  bool stop_ GUARDED_BY(mutex_) = false;

  Thread thread_;  // last: it uses everything above
};

}  // namespace modhost::host
