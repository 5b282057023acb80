#include "host/guard/delivery_ledger.h"

#include <algorithm>
#include <utility>

#include "host/base/assert.h"

namespace modhost::host {

AnswerCell::AnswerCell(Inbox& inbox, AnswerState known)
    : inbox_(inbox),
      settled_(known == AnswerState::kIntended ? AnswerState::kNone : known),
      doubts_(known == AnswerState::kIntended ? 1 : 0) {}

void AnswerCell::learn(AnswerState stored) {
  MutexLock lock(mutex_);
  if (settled_ != AnswerState::kNone) return;
  if (stored == AnswerState::kIntended) {
    if (doubts_ == 0) doubts_ = 1;
  } else {
    settled_ = stored;
  }
}

AnswerState AnswerCell::state() const {
  MutexLock lock(mutex_);
  return stateLocked();
}

AnswerState AnswerCell::stateLocked() const {
  if (settled_ == AnswerState::kWritten) return settled_;
  return doubts_ > 0 ? AnswerState::kIntended : settled_;
}

void AnswerCell::record(const DeliveryKey& key, Inbox::Done recorded) {
  inbox_.record({{key, std::nullopt, stateLocked()}}, std::move(recorded));
}

// What stands stays standing whatever becomes of a further write, so that one is not recorded.
void AnswerCell::intend(const DeliveryKey& key, Inbox::Done recorded) {
  {
    MutexLock lock(mutex_);
    ++doubts_;
    if (settled_ != AnswerState::kWritten) return record(key, std::move(recorded));
  }
  recorded({});
}

void AnswerCell::written(const DeliveryKey& key, Inbox::Done recorded) {
  MutexLock lock(mutex_);
  if (doubts_ > 0) --doubts_;
  settled_ = AnswerState::kWritten;
  record(key, std::move(recorded));
}

void AnswerCell::withdrawn(const DeliveryKey& key, Inbox::Done recorded) {
  MutexLock lock(mutex_);
  if (doubts_ > 0) --doubts_;
  record(key, std::move(recorded));
}

// The apology is written over whatever was in doubt.
void AnswerCell::apologised(const DeliveryKey& key, Inbox::Done recorded) {
  MutexLock lock(mutex_);
  doubts_ = 0;
  if (settled_ != AnswerState::kWritten) settled_ = AnswerState::kApologised;
  record(key, std::move(recorded));
}

void AnswerCell::recordAgain(const DeliveryKey& key, Inbox::Done recorded) {
  MutexLock lock(mutex_);
  record(key, std::move(recorded));
}

DeliveryLedger::DeliveryLedger(Inbox& inbox, DeliveryKey key, const std::vector<Step>& steps,
                               std::shared_ptr<AnswerCell> answer)
    : inbox_(inbox), key_(std::move(key)), answer_(std::move(answer)) {
  for (const Step& step : steps) steps_[step.key] = step;
}

int DeliveryLedger::newAttempt() {
  MutexLock lock(mutex_);
  return ++attempts_;
}

bool DeliveryLedger::isNewest(int attempt) const {
  MutexLock lock(mutex_);
  return attempt == attempts_;
}

std::string DeliveryLedger::rowOf(const StepKey& key) const {
  MutexLock lock(mutex_);
  const auto found = steps_.find(key);
  return found == steps_.end() ? "" : found->second.log_id;
}

bool DeliveryLedger::knowsRow(const std::string& log_id) const {
  MutexLock lock(mutex_);
  return std::any_of(steps_.begin(), steps_.end(),
                     [&](const auto& entry) { return entry.second.log_id == log_id; });
}

StepState DeliveryLedger::stateOf(const std::string& log_id) const {
  MutexLock lock(mutex_);
  const auto found = std::find_if(steps_.begin(), steps_.end(),
                                  [&](const auto& entry) { return entry.second.log_id == log_id; });
  MODHOST_ASSERT(found != steps_.end());
  return found->second.state;
}

std::vector<Step> DeliveryLedger::openSteps() const {
  std::vector<Step> open;
  MutexLock lock(mutex_);
  for (const auto& [key, step] : steps_) {
    if (step.state == StepState::kOpen || step.state == StepState::kIntended) open.push_back(step);
  }
  return open;
}

Step& DeliveryLedger::stepLocked(const StepKey& key) {
  Step& step = steps_[key];
  step.key = key;
  return step;
}

Step* DeliveryLedger::findRow(const std::string& log_id) {
  for (auto& [key, step] : steps_) {
    if (step.log_id == log_id) return &step;
  }
  return nullptr;
}

void DeliveryLedger::record(const Step& step, Inbox::Done recorded) {
  inbox_.record({{key_, step, std::nullopt}}, std::move(recorded));
}

bool DeliveryLedger::intend(const StepKey& key, Inbox::Done recorded) {
  MutexLock lock(mutex_);
  const bool in_doubt = steps_.count(key) != 0 && steps_[key].state == StepState::kIntended;
  Step& step = stepLocked(key);
  step.state = StepState::kIntended;
  if (in_doubt) ++step.ambiguous;
  record(step, std::move(recorded));
  return in_doubt;
}

bool DeliveryLedger::created(const StepKey& key, const std::string& log_id, StepState state,
                             int unknown_tries, Inbox::Done recorded) {
  {
    MutexLock lock(mutex_);
    Step& step = stepLocked(key);
    if (step.log_id.empty()) {
      step.log_id = log_id;
      step.state = state;
      step.ambiguous += unknown_tries;
      record(step, std::move(recorded));
      return true;
    }
  }
  recorded({});
  return false;
}

void DeliveryLedger::createFailed(const StepKey& key, int unknown_tries, Inbox::Done recorded) {
  MutexLock lock(mutex_);
  Step& step = stepLocked(key);
  if (step.log_id.empty())
    step.state = StepState::kFailed;  // else a newer attempt's create made it
  step.ambiguous += unknown_tries;
  record(step, std::move(recorded));
}

void DeliveryLedger::createInDoubt(const StepKey& key, int doubts, Inbox::Done recorded) {
  MutexLock lock(mutex_);
  Step& step = stepLocked(key);
  step.ambiguous += doubts;
  record(step, std::move(recorded));
}

void DeliveryLedger::orphaned(const StepKey& key, Inbox::Done recorded) {
  createFailed(key, 1, std::move(recorded));
}

void DeliveryLedger::opening(const std::string& log_id, Inbox::Done recorded) {
  {
    MutexLock lock(mutex_);
    Step* step = findRow(log_id);
    if (step != nullptr && step->state != StepState::kOpen) {
      step->state = StepState::kOpen;
      return record(*step, std::move(recorded));
    }
  }
  recorded({});
}

void DeliveryLedger::becameState(const std::string& log_id, StepState state, Inbox::Done recorded) {
  {
    MutexLock lock(mutex_);
    Step* step = findRow(log_id);
    if (step != nullptr && step->state != state) {
      step->state = state;
      return record(*step, std::move(recorded));
    }
  }
  recorded({});
}

void DeliveryLedger::recordAgain(const StepKey& key, Inbox::Done recorded) {
  MutexLock lock(mutex_);
  record(stepLocked(key), std::move(recorded));
}

void DeliveryLedger::recordAgain(const std::string& log_id, Inbox::Done recorded) {
  MutexLock lock(mutex_);
  Step* step = findRow(log_id);
  MODHOST_ASSERT(step != nullptr);
  record(*step, std::move(recorded));
}

}  // namespace modhost::host
