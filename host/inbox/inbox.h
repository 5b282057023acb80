// An Inbox holds each event on disk from before the sender is answered until every target has
// settled it. It promises at-least-once: after a crash, what was running is handed out again.
//
// The life of a delivery (one event for one target):
//
//   accept ─▶ waiting ─begin▶ running ─settle▶ done
//                ▲               │  ├──────▶ dead      (a dead letter: kept, listed, replayed)
//                └───────────────┘  └──────▶ closing ─▶ done | dead
//
// `closing` means: how it ends is decided, the module never sees it again, but the chat's open
// steps or its apology are still owed. A crash in closing repeats the closing only.
//
// Strength: accept() and park() return after an fsync (power cut). Everything else is written
// without one (survives SIGKILL of the host, not a power cut); losing it runs a module once more,
// never loses an event.
//
// Threads: every method may be called from any thread at once; no external locking. Callbacks run
//   on the inbox's writer thread without locks held: be quick, never call a blocking method of the
//   inbox there.
// Errors: kUnavailable: nothing was changed, try again. kFull: see accept(). kCorrupt: storage has
//   failed for good (a failed fsync, a damaged file); every later write answers kCorrupt too.
//   Nothing here throws.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/result.h"
#include "host/event/event.h"

namespace modhost::host {

using EventSeq = std::int64_t;  // the order of acceptance; unique for ever within one inbox
using Target = std::string;     // an opaque name; today a module's id

struct DeliveryKey {
  EventSeq seq = 0;
  Target target;
  auto operator<=>(const DeliveryKey&) const = default;
};

// Stored as these numbers: never renumber.
enum class DeliveryState : std::int32_t {
  kWaiting = 1,
  kRunning,
  kClosing,
  kDone,
  kDead,
  kDropped
};

// How an attempt, or the whole delivery, ended. Stored as these numbers.
enum class End : std::int32_t {
  kOk = 1,         // the module said so
  kSkipped,        // the module does not want it
  kRejected,       // the module said: never again
  kFailed,         // exception or error
  kOverran,        // the deadline passed
  kInterrupted,    // its worker, or the host, died too often
  kNotConfigured,  // its module is no longer configured
  kExpired,        // older than answer_within before it could run
  kStopped,        // the user pressed stop; done, as nothing more is wanted
};

struct Delivery {
  DeliveryKey key;
  EventPtr event;
  int attempts = 0;            // attempts begun and counted so far; the next one is attempts + 1
  int interruptions = 0;       // worker deaths counted against it
  WallTime due{};              // not before; a retry's back-off
  WallTime answer_from{};      // receipt, or the latest replay: answer_within counts from here
  std::optional<End> closing;  // set: only the closing is left, for this end
  bool begun = false;          // begun before, counted or not: its ledger may hold steps
  // Accepted before this process opened the inbox: what an earlier one did for it may be unrecorded.
  bool inherited = false;
};

// "17/rag-responder": how a delivery is called in log lines.
std::string deliveryName(const DeliveryKey& key);

// What every log line about a delivery begins with: event, module, delivery, trace_id.
LogFields aboutDelivery(const Event& event, const DeliveryKey& key);
inline LogFields aboutDelivery(const Delivery& delivery) {
  return aboutDelivery(*delivery.event, delivery.key);
}

struct Accepted {
  EventSeq seq = 0;
};

// What begin() records: survives a SIGKILL, so that the death of host or worker can be held against
// the deliveries that were begun in it, and against no other.
struct Begin {
  DeliveryKey key;
  bool in_process = false;  // the host's own unclean exits count only for these
};

// How a delivery leaves `running` (or `closing`).
struct Settlement {
  enum class To : std::int32_t {
    kDone = 1,     // ended; the body goes when the event's last delivery is done or dropped
    kDead,         // a dead letter: kept with its body
    kClosing,      // decided; closing calls are owed
    kRetry,        // waiting again at `due`; the attempt counted
    kInterrupted,  // waiting again now; its worker died: interruptions + 1, the attempt is uncounted
    kHandBack,     // waiting again now; the attempt is uncounted (drain, the host's own reasons)
                   // From closing, these three stay in closing: the module never sees it again.
  };
  DeliveryKey key;
  To to = To::kDone;
  End end = End::kOk;  // for kDone, kDead, kClosing, and as the attempt's record for the others
  WallTime due{};      // kRetry
  std::string
      error;  // why, for the attempt's record; empty when there was no error. Never message text
};

// --- the ledger: what this event has done to its chat, so that a second attempt continues and a
// bad end can be closed ---

enum class StepState : std::int32_t { kIntended = 1, kOpen, kCompleted, kFailed };

// One message log row that a module asked for. (message_id, order, nth) is the same in every
// attempt of a delivery: `nth` counts creates with that pair within one attempt, from 0.
struct StepKey {
  std::string message_id;
  std::int64_t order = 0;
  int nth = 0;
  auto operator<=>(const StepKey&) const = default;
};

struct Step {
  StepKey key;
  StepState state = StepState::kIntended;
  std::string log_id;  // empty until the create's reply was recorded
  int ambiguous = 0;   // creates whose reply was never seen: each may have left one more row
};

// Of the event's assistant message.
enum class AnswerState : std::int32_t { kNone = 1, kIntended, kWritten, kApologised };

struct Ledger {
  std::vector<Step> steps;                  // of one delivery
  AnswerState answer = AnswerState::kNone;  // of the event
};

struct LedgerEntry {
  DeliveryKey key;
  std::optional<Step> step;           // stored over the row with this StepKey
  std::optional<AnswerState> answer;  // stored over the event's
};

struct InboxStats {
  std::int64_t waiting = 0, running = 0, closing = 0, done = 0,
               dead = 0;    // deliveries, all targets
  std::int64_t events = 0;  // ids kept, parked ones included
  std::int64_t ambiguous_creates = 0;
  bool disk_low = false;  // below `disk_free_min`: accept() answers kFull
};

// Deliveries no module will ever see are stored dead under these names.
inline constexpr char kParkedTarget[] = "(parked)";
inline constexpr char kUnroutedTarget[] = "(unrouted)";

class Inbox {
 public:
  using Done = std::function<void(Result<void>)>;

  virtual ~Inbox() = default;

  // Stores `event` and one waiting delivery per target; returns once both would survive a power
  // cut. Blocks for one fsync, which concurrent callers share. The sender may be told 2xx only
  // after this returned ok.
  //
  // kDuplicate: an event with this id was stored before; bodies are not compared.
  // kFull: `waiting_max` deliveries wait already, or the disk is below `disk_free_min`; nothing was
  // stored.
  virtual Result<Accepted> accept(const EventPtr& event, std::span<const Target> targets) = 0;

  // The same, without blocking: `done` runs once, on the writer thread or before this returns.
  using AcceptDone = std::function<void(Result<Accepted>)>;
  virtual void acceptThen(const EventPtr& event, std::vector<Target> targets, AcceptDone done) = 0;

  // Stores a verified body that is no readable event, or was routed nowhere, as a dead letter of
  // `target` (kParkedTarget, kUnroutedTarget) with `why`. As durable as accept(); same errors.
  virtual Result<Accepted> park(const Event& event, const Target& target, std::string_view why) = 0;

  // Names who is told that next(target) may have something new. Set once, before the first accept.
  virtual void onReady(std::function<void(const Target&)> ready) = 0;

  // Called once when storage has failed for good; the process should finish what runs and exit.
  virtual void onFailure(std::function<void(const Error&)> failed) = 0;

  // Hands out up to `max` deliveries of `target`, each once per process: also those not due yet and
  // those in closing. Companies take turns, one delivery each; of one company the order is that of
  // acceptance. Fresh ones come from memory, a backlog is read from disk. Empty: nothing now;
  // onReady will tell.
  virtual Result<std::vector<Delivery>> next(const Target& target, std::size_t max) = 0;

  // Targets that have deliveries neither done nor dead. For finding those whose module is gone.
  virtual Result<std::vector<Target>> openTargets() = 0;

  // Marks deliveries running under this owner's epoch and counts the attempt. Blocks for one commit
  // (no fsync); begin many at once. On error none was begun.
  virtual Result<void> begin(std::span<const Begin> begins) = 0;

  // Records how deliveries ended; returns before the commit, which the next batch brings, in call
  // order. A kRetry, kInterrupted or kHandBack delivery stays with its caller: next() hands it out
  // again only in the next process.
  virtual void settle(std::vector<Settlement> settlements) = 0;

  // How many deliveries of each event are neither done nor dead, after every settle() made before.
  // Blocks for one commit.
  virtual Result<std::vector<int>> openDeliveriesOf(std::span<const EventSeq> seqs) = 0;
  Result<int> openDeliveries(EventSeq seq);

  // The ledger of one delivery (and its event's answer), after every record() made before. Blocks
  // for a read.
  virtual Result<Ledger> ledger(const DeliveryKey& key) = 0;

  // Stores ledger entries in one transaction, then calls `done` on the writer thread.
  virtual void record(std::vector<LedgerEntry> entries, Done done) = 0;

  virtual Result<InboxStats> stats() = 0;
};

inline Result<int> Inbox::openDeliveries(EventSeq seq) {
  Result<std::vector<int>> open = openDeliveriesOf({&seq, 1});
  if (!open) return open.takeError();
  return open.value().front();
}

}  // namespace modhost::host
