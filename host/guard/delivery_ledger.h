// DeliveryLedger and AnswerCell: the ledger of one delivery and the answer of its event, in memory
// and written through to the inbox. Every attempt and closing of this process that concerns the
// same delivery (the same event) shares one, so that none works on an older copy.
//
// Two rules make the record safe against a death between it and the wire: what opens is recorded
// before it is sent, what closes only after the platform said yes. So the record may call a closed
// row open, which costs one PATCH, but never an open row closed.
//
// Threads: every method from any thread. Records reach the inbox in the order of the changes: they
// are made under the lock, which is allowed because Inbox::record() neither blocks nor calls back
// from within. `recorded` runs on the inbox's writer, or at once when there was nothing to record.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/base/mutex.h"
#include "host/inbox/inbox.h"

namespace modhost::host {

// What is known of an event's assistant message. Attempts of several targets may write it at once,
// so doubts are counted: the answer is in doubt while any write has not come back.
class AnswerCell {
 public:
  AnswerCell(Inbox& inbox, AnswerState known);

  // What the inbox holds, met again by a ledger that was read later than this was made.
  void learn(AnswerState stored);

  AnswerState state() const;
  // A write is about to leave.
  void intend(const DeliveryKey& key, Inbox::Done recorded);
  // Its fate: it stands, or it certainly did nothing. A write of unknown fate stays in doubt: call
  // neither.
  void written(const DeliveryKey& key, Inbox::Done recorded);
  void withdrawn(const DeliveryKey& key, Inbox::Done recorded);
  void apologised(const DeliveryKey& key, Inbox::Done recorded);
  // After a record that was refused: what is known by now.
  void recordAgain(const DeliveryKey& key, Inbox::Done recorded);

 private:
  AnswerState stateLocked() const REQUIRES(mutex_);
  void record(const DeliveryKey& key, Inbox::Done recorded) REQUIRES(mutex_);

  Inbox& inbox_;
  mutable Mutex mutex_;
  AnswerState settled_ GUARDED_BY(mutex_);  // kNone, kWritten or kApologised
  int doubts_ GUARDED_BY(mutex_);
};

class DeliveryLedger {
 public:
  DeliveryLedger(Inbox& inbox, DeliveryKey key, const std::vector<Step>& steps,
                 std::shared_ptr<AnswerCell> answer);

  const DeliveryKey& key() const { return key_; }
  AnswerCell& answer() { return *answer_; }
  const std::shared_ptr<AnswerCell>& sharedAnswer() const { return answer_; }

  // Attempts number themselves here; the newest owns the chat.
  int newAttempt();
  bool isNewest(int attempt) const;

  // The row of a step, empty when none is known.
  std::string rowOf(const StepKey& key) const;
  bool knowsRow(const std::string& log_id) const;
  // Of a row it knows.
  StepState stateOf(const std::string& log_id) const;
  // Steps whose row is open or may be, and steps that may have left a row nobody knows (no log_id).
  std::vector<Step> openSteps() const;

  // A create is about to leave. True: an earlier one's reply was never seen, which now counts as
  // ambiguous.
  bool intend(const StepKey& key, Inbox::Done recorded);
  // Its fate. `unknown_tries` of the same call may each have left one more row.
  //  created: the row is known from now on. False, and nothing recorded: another create of this
  //  step was
  //    faster, `recorded` runs at once and the row is nobody's.
  //  createFailed: the last try certainly left nothing.
  //  createInDoubt: it may have left a row; `doubts` more than that one.
  bool created(const StepKey& key, const std::string& log_id, StepState state, int unknown_tries,
               Inbox::Done recorded);
  void createFailed(const StepKey& key, int unknown_tries, Inbox::Done recorded);
  void createInDoubt(const StepKey& key, int doubts, Inbox::Done recorded);
  // A closing found no row to PATCH: counted as ambiguous, and closed.
  void orphaned(const StepKey& key, Inbox::Done recorded);

  // A PATCH that opens the row is about to leave.
  void opening(const std::string& log_id, Inbox::Done recorded);
  // The platform accepted a PATCH with this state.
  void becameState(const std::string& log_id, StepState state, Inbox::Done recorded);
  // After a record that was refused: the step, or the row, as it is known by now.
  void recordAgain(const StepKey& key, Inbox::Done recorded);
  void recordAgain(const std::string& log_id, Inbox::Done recorded);

 private:
  Step& stepLocked(const StepKey& key) REQUIRES(mutex_);
  Step* findRow(const std::string& log_id) REQUIRES(mutex_);
  void record(const Step& step, Inbox::Done recorded) REQUIRES(mutex_);

  Inbox& inbox_;
  const DeliveryKey key_;
  const std::shared_ptr<AnswerCell> answer_;

  mutable Mutex mutex_;
  int attempts_ GUARDED_BY(mutex_) = 0;
  std::map<StepKey, Step> steps_ GUARDED_BY(mutex_);
};

}  // namespace modhost::host
