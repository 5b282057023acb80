// In this order: the gate (admit, send, complete), the steps, the answer, the fence.
#include "host/guard/ledger_attempt.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "host/base/log.h"
#include "host/guard/call_patterns.h"
#include "host/guard/late_row.h"
#include "host/guard/row_json.h"

namespace modhost::host {
namespace {

ModuleReply failedReply(ModuleReply::Error error, std::string text) {
  return {error, 0, "", std::move(text)};
}

ModuleReply::Error errorOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
      return ModuleReply::Error::kRefused;
    case ErrorKind::kCancelled:
      return ModuleReply::Error::kCancelled;
    case ErrorKind::kTimeout:
      return ModuleReply::Error::kTimeout;
    default:
      return ModuleReply::Error::kUnavailable;
  }
}

ModuleReply replyOf(const PlatformOutcome& outcome) {
  if (!outcome.reply.ok()) {
    const Error& error = outcome.reply.error();
    return failedReply(errorOf(error.kind), error.message);
  }
  const PlatformReply& reply = outcome.reply.value();
  return {ModuleReply::Error::kNone, reply.status, reply.body, ""};
}

PlatformOutcome fencedOutcome() {
  return {Error{ErrorKind::kCancelled, "the attempt was ended by the host"}, 0};
}

// Whether a write may leave although it was not recorded: when storage has failed for good, what
// runs is finished, and the next process repeats it, as nothing was settled. A create may not: its
// row would be known to nobody.
bool mayLeave(const Result<void>& recorded) {
  return recorded.ok() || recorded.error().kind == ErrorKind::kCorrupt;
}

PlatformOutcome unrecordedOutcome() {
  return {
      Error{ErrorKind::kUnavailable, "the call's intent could not be recorded, so it was not sent"},
      0};
}

// "PATCH /messages/*": words stay, what may be an id does not.
std::string callShape(const std::string& method, const std::vector<std::string>& segments) {
  const auto isWord = [](const std::string& text) {
    return text.size() <= 24 &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string::npos;
  };
  std::string shape = (method.size() <= 8 ? method : "?") + " ";
  for (const std::string& segment : segments) shape += isWord(segment) ? "/" + segment : "/*";
  return shape;
}

// The platform did not do it, and no earlier try can have done it unseen.
bool didNothing(const PlatformOutcome& outcome) {
  return !isSuccess(outcome) && outcome.unknown_tries == 0;
}

// It was done, or a gateway's 502 or 504 says nothing about what stands behind it.
bool mayBeDone(const PlatformOutcome& outcome) {
  return !didNothing(outcome) || (outcome.reply.ok() && outcome.reply.value().status >= 500);
}

}  // namespace

LedgerAttempt::LedgerAttempt(std::shared_ptr<GuardCore> core, const Delivery& delivery,
                             SteadyTime deadline,
                             std::shared_ptr<const std::vector<CallPattern>> allowed,
                             std::shared_ptr<DeliveryLedger> ledger)
    : core_(std::move(core)),
      event_(delivery.event),
      owner_{delivery.key, delivery.attempts + 1},
      deadline_(deadline),
      allowed_(std::move(allowed)),
      ledger_(std::move(ledger)),
      watch_(std::make_shared<StopWatch>(core_, event_, owner_.key, deadline_)),
      number_(ledger_ ? ledger_->newAttempt() : 0) {}

const std::shared_ptr<const CallOrigin>& LedgerAttempt::origin() const {
  std::call_once(origin_made_, [this] { origin_ = originOf(*event_, owner_.key); });
  return origin_;
}

// --- the gate ---

void LedgerAttempt::call(ModuleCall call, std::function<void(ModuleReply)> done) {
  const auto refuse = [&](const std::string& what, const std::string& why) {
    core_->metrics.refused_calls.add();
    logWarn("guard", "refused a module's platform call", origin()->about,
            {{"call", what}, {"why", why}});
    done(failedReply(ModuleReply::Error::kRefused, what + ": " + why));
  };
  // First: once the guard is gone, a fenced attempt must touch nothing of it.
  if (isFenced()) return done(replyOf(fencedOutcome()));
  const auto segments = pathSegments(call.path);
  if (!segments.ok()) return refuse("platform call", segments.error().message);
  const CallPattern* pattern = patternOf(*allowed_, call.method, segments.value());
  if (pattern == nullptr) {
    return refuse(callShape(call.method, segments.value()), "not in this module's platform_calls");
  }
  auto operation = std::make_shared<Operation>();
  operation->call = std::move(call);
  operation->done = std::move(done);
  operation->route = pattern->path;
  operation->is_write = kindOfCall(operation->call.method, segments.value()) != CallKind::kRead;
  if (!admit(operation)) return operation->done(replyOf(fencedOutcome()));
  dispatch(operation, segments.value());
}

bool LedgerAttempt::admit(const OperationPtr& operation) {
  MutexLock lock(mutex_);
  if (fenced_) return false;
  under_way_.insert(operation);
  if (operation->is_write) ++writes_;
  core_->enter();
  return true;
}

void LedgerAttempt::dispatch(const OperationPtr& operation,
                             const std::vector<std::string>& segments) {
  if (!ledger_) {
    return complete(operation, failedReply(ModuleReply::Error::kUnavailable,
                                           "the delivery's ledger could not be read"));
  }
  switch (kindOfCall(operation->call.method, segments)) {
    case CallKind::kCreateStep:
      return createStep(operation);
    case CallKind::kUpdateStep:
      return updateStep(operation, segments.back());
    case CallKind::kWriteMessage:
      return writeMessage(operation, segments.back());
    case CallKind::kStreamAnswer:
      return streamAnswer(operation);
    case CallKind::kOtherWrite:
    case CallKind::kRead:
      return pass(operation);
  }
}

// The one end of every admitted operation.
void LedgerAttempt::complete(const OperationPtr& operation, ModuleReply reply) {
  operation->done(std::move(reply));
  std::vector<std::function<void()>> quiet;
  {
    MutexLock lock(mutex_);
    under_way_.erase(operation);
    if (operation->is_write && --writes_ == 0 && fenced_) {
      quiet_ = true;
      quiet.swap(on_quiet_);
    }
  }
  for (const auto& run : quiet) run();
  core_->leave();
}

void LedgerAttempt::refuseBody(const OperationPtr& operation, const char* why) {
  core_->metrics.refused_calls.add();
  complete(operation, failedReply(ModuleReply::Error::kRefused, why));
}

// The one way to the wire. A revoke() between the two looks at the fence is as if it had come after
// the call was handed over.
void LedgerAttempt::send(const OperationPtr& operation, const std::string& method,
                         const std::string& path, const std::string& body, Then then) {
  if (isFenced()) return then(fencedOutcome());
  // What may change the chat is awaited beyond the deadline, never cut by it.
  const SteadyTime until =
      operation->is_write ? deadline_ + core_->settings.settle_wait : deadline_;
  PlatformRequest request{method, path, body, event_->user_id, event_->company_id, until};
  const bool as_called = method == operation->call.method;  // else a step that goes on
  request.route = as_called ? operation->route : "/message-log/*";
  request.origin = origin();
  const GuardCore::Ticket ticket =
      core_->send(std::move(request), owner_,
                  [self = shared_from_this(), then = std::move(then)](PlatformOutcome outcome) {
                    then(std::move(outcome));
                  });
  bool fenced = false;
  {
    MutexLock lock(mutex_);
    operation->ticket = ticket;
    fenced = fenced_;
  }
  if (fenced) cut(*operation, ticket);
}

// What the fence does to a call that was handed over: a read ends wherever it is, a write unless it
// is on the wire.
void LedgerAttempt::cut(const Operation& operation, GuardCore::Ticket ticket) {
  if (operation.is_write) {
    core_->withdraw(ticket);
  } else {
    core_->cancel(ticket);
  }
}

void LedgerAttempt::pass(const OperationPtr& operation) {
  const ModuleCall& call = operation->call;
  send(operation, call.method, call.path, call.body,
       [this, operation](PlatformOutcome outcome) { complete(operation, replyOf(outcome)); });
}

// For the record of what a call came to. Nobody waits for it: whatever is recorded of this delivery
// later, its end included, reaches the disk after it, and until it is there a death of the host leaves
// what the record of the intent says.
Inbox::Done LedgerAttempt::noted() const {
  return [core = core_](Result<void> recorded) { core->noteRecord(recorded); };
}

// For the record a call waits for: an inbox that is unavailable for a moment is asked `again`, until
// the fence, the deadline or record_wait. Then, or with any other outcome, `then`.
Inbox::Done LedgerAttempt::patiently(Record again, Inbox::Done then) {
  const SteadyTime patience = core_->clock.steadyNow() + core_->settings.record_wait;
  return [self = shared_from_this(), again = std::move(again), then = std::move(then),
          until = std::min(deadline_, patience)](Result<void> result) {
    self->recorded(again, then, until, std::move(result));
  };
}

void LedgerAttempt::recorded(const Record& again, const Inbox::Done& then, SteadyTime until,
                             Result<void> result) {
  const bool may_pass = !result && result.error().kind == ErrorKind::kUnavailable;
  if (!may_pass || isFenced() || core_->clock.steadyNow() >= until) return then(std::move(result));
  core_->afterOrStop(core_->settings.record_pause, [self = shared_from_this(), again, then, until] {
    again([self, again, then, until](Result<void> next) {
      self->recorded(again, then, until, std::move(next));
    });
  });
}

// --- the steps ---

void LedgerAttempt::createStep(const OperationPtr& operation) {
  auto body = parseObject(operation->call.body);
  if (!body) return refuseBody(operation, "POST /message-log: the body is no JSON object");
  const auto key = stepKeyOf(*body);
  if (!key) return refuseBody(operation, "POST /message-log: no messageId, or order is no integer");
  operation->step = numbered(*key);
  const std::string log_id = ledger_->rowOf(operation->step);
  if (!log_id.empty()) return continueRow(operation, log_id, std::move(*body));
  createRow(operation, stateMember(*body).value_or(StepState::kOpen));
}

// The same create in another attempt gets the same number, as a module repeats itself.
StepKey LedgerAttempt::numbered(StepKey key) {
  MutexLock lock(mutex_);
  key.nth = creates_[{key.message_id, key.order}]++;
  return key;
}

void LedgerAttempt::createRow(const OperationPtr& operation, StepState state) {
  const auto came = [self = shared_from_this(), operation, state](PlatformOutcome outcome) {
    self->createCame(operation, state, outcome);
  };
  const auto intended = [self = shared_from_this(), operation, came](Result<void> recorded) {
    if (!recorded.ok()) return came(unrecordedOutcome());
    const ModuleCall& call = operation->call;
    self->send(operation, call.method, call.path, call.body, came);
  };
  const auto again = [ledger = ledger_, step = operation->step](Inbox::Done recorded) {
    ledger->recordAgain(step, std::move(recorded));
  };
  if (ledger_->intend(operation->step, patiently(again, intended))) core_->countAmbiguous(1);
}

void LedgerAttempt::createCame(const OperationPtr& operation, StepState state,
                               const PlatformOutcome& outcome) {
  const Inbox::Done recorded = noted();
  const StepKey& step = operation->step;
  const int unknown = outcome.unknown_tries;
  const std::string log_id = rowId(outcome);
  if (!log_id.empty()) {
    core_->countAmbiguous(unknown);
    const bool learned = ledger_->created(step, log_id, state, unknown, recorded);
    if (state == StepState::kOpen && isLate() && !(learned && !ledger_->isNewest(number_))) {
      closeLateRow(log_id, StepState::kFailed);
    }
  } else if (outcome.reply.ok() && !isSuccess(outcome)) {
    core_->countAmbiguous(unknown);
    ledger_->createFailed(step, unknown, recorded);
  } else if (didNothing(outcome)) {
    ledger_->createFailed(step, 0, recorded);
  } else {
    // It stays intended: that doubt is counted by who meets it next, the others now.
    const int doubts = isSuccess(outcome) ? unknown : unknown - 1;
    core_->countAmbiguous(doubts);
    ledger_->createInDoubt(step, doubts, recorded);
  }
  complete(operation, replyOf(outcome));
}

// Known from an earlier attempt: the row goes on instead of being created again, and the module is
// answered as if it had been created.
void LedgerAttempt::continueRow(const OperationPtr& operation, const std::string& log_id,
                                nlohmann::json body) {
  const auto state = stateMember(body);
  nlohmann::json row = body;
  row["id"] = log_id;
  body.erase("messageId");
  body.erase("order");
  patchRow(operation, log_id, body.dump(), state, [row = row.dump()](ModuleReply reply) {
    if (reply.error == ModuleReply::Error::kNone && reply.status / 100 == 2) reply.body = row;
    return reply;
  });
}

void LedgerAttempt::updateStep(const OperationPtr& operation, const std::string& log_id) {
  if (!ledger_->knowsRow(log_id)) return pass(operation);
  const auto body = parseObject(operation->call.body);
  if (!body) return refuseBody(operation, "PATCH /message-log/*: the body is no JSON object");
  patchRow(operation, log_id, operation->call.body, stateMember(*body),
           [](ModuleReply reply) { return reply; });
}

void LedgerAttempt::patchRow(const OperationPtr& operation, const std::string& log_id,
                             const std::string& body, std::optional<StepState> state,
                             std::function<ModuleReply(ModuleReply)> answer) {
  const auto came = [self = shared_from_this(), operation, log_id, state,
                     answer = std::move(answer)](PlatformOutcome outcome) {
    if (state) self->patchCame(log_id, *state, outcome);
    self->complete(operation, answer(replyOf(outcome)));
  };
  const auto patch = [self = shared_from_this(), operation, log_id, body,
                      came](Result<void> recorded) {
    if (!mayLeave(recorded)) return came(unrecordedOutcome());
    self->send(operation, "PATCH", "/message-log/" + pathSegment(log_id), body, came);
  };
  if (state != StepState::kOpen) return patch({});
  const auto again = [ledger = ledger_, log_id](Inbox::Done recorded) {
    ledger->recordAgain(log_id, std::move(recorded));
  };
  ledger_->opening(log_id, patiently(again, patch));
}

// A PATCH that opens a row may have been done after whoever came later had closed the row: then it is
// closed again, as it was. What a newer attempt has open is left to that one.
void LedgerAttempt::patchCame(const std::string& log_id, StepState state,
                              const PlatformOutcome& outcome) {
  const StepState stood = ledger_->stateOf(log_id);
  const bool closed = stood == StepState::kCompleted || stood == StepState::kFailed;
  if (isSuccess(outcome)) ledger_->becameState(log_id, state, noted());
  const bool opened_late = state == StepState::kOpen && isLate() && mayBeDone(outcome);
  if (!opened_late || !(closed || ledger_->isNewest(number_))) return;
  closeLateRow(log_id, closed ? stood : StepState::kFailed);
}

void LedgerAttempt::closeLateRow(const std::string& log_id, StepState state) {
  std::make_shared<LateRow>(core_, event_, ledger_, log_id, state)->close();
}

// --- the answer ---

void LedgerAttempt::writeMessage(const OperationPtr& operation, const std::string& message_id) {
  if (message_id != event_->assistant_message_id) return pass(operation);
  const auto body = parseObject(operation->call.body);
  if (!body) return refuseBody(operation, "PATCH /messages/*: the body is no JSON object");
  const std::string text = textMember(*body, "text");
  if (text.empty()) return pass(operation);
  if (logShowsText()) logInfo("guard", "answer", origin()->about, {{"text", loggedText(text)}});
  writeAnswer(operation);
}

void LedgerAttempt::streamAnswer(const OperationPtr& operation) {
  const auto body = parseObject(operation->call.body);
  if (!body) return refuseBody(operation, "POST /integrated/chat: the body is no JSON object");
  const std::string message_id = textMember(*body, "assistantMessageId");
  if (message_id.empty() || message_id != event_->assistant_message_id) return pass(operation);
  writeAnswer(operation);
}

void LedgerAttempt::writeAnswer(const OperationPtr& operation) {
  const auto came = [self = shared_from_this(), operation](PlatformOutcome outcome) {
    self->answerCame(operation, outcome);
  };
  const auto write = [self = shared_from_this(), operation, came](Result<void> recorded) {
    if (!mayLeave(recorded)) return came(unrecordedOutcome());
    const ModuleCall& call = operation->call;
    self->send(operation, call.method, call.path, call.body, came);
  };
  const auto again = [ledger = ledger_](Inbox::Done recorded) {
    ledger->answer().recordAgain(ledger->key(), std::move(recorded));
  };
  ledger_->answer().intend(ledger_->key(), patiently(again, write));
}

void LedgerAttempt::answerCame(const OperationPtr& operation, const PlatformOutcome& outcome) {
  // What is neither stays in doubt; the closing asks the platform.
  if (isSuccess(outcome)) {
    ledger_->answer().written(ledger_->key(), noted());
  } else if (!mayBeDone(outcome)) {
    ledger_->answer().withdrawn(ledger_->key(), noted());
  }
  complete(operation, replyOf(outcome));
}

// --- the fence ---

bool LedgerAttempt::cancelled() const {
  if (watch_->stopped()) return true;
  MutexLock lock(mutex_);
  return cancelled_ || fenced_ || core_->clock.steadyNow() >= deadline_;
}

void LedgerAttempt::cancel() {
  MutexLock lock(mutex_);
  cancelled_ = true;
}

void LedgerAttempt::revoke(std::function<void()> quiet) {
  watch_->end();
  std::vector<std::pair<OperationPtr, GuardCore::Ticket>> sent;
  bool is_quiet = false;
  {
    MutexLock lock(mutex_);
    if (!fenced_) {
      for (const OperationPtr& operation : under_way_) {
        if (operation->ticket != 0) sent.emplace_back(operation, operation->ticket);
      }
      quiet_ = writes_ == 0;
    }
    const bool first = !fenced_;
    fenced_ = true;
    is_quiet = quiet_;
    if (!is_quiet) on_quiet_.push_back(std::move(quiet));
    if (first && !is_quiet) {
      core_->after(core_->settings.settle_wait, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->giveUpWaiting();
      });
    }
  }
  for (const auto& [operation, ticket] : sent) cut(*operation, ticket);
  if (is_quiet) quiet();
}

void LedgerAttempt::giveUpWaiting() {
  std::vector<std::function<void()>> quiet;
  {
    MutexLock lock(mutex_);
    if (quiet_) return;
    quiet_ = gave_up_ = true;
    quiet.swap(on_quiet_);
  }
  logWarn("guard", "a fenced attempt's write is still on the wire after settle_wait",
          origin()->about);
  for (const auto& run : quiet) run();
}

bool LedgerAttempt::isFenced() const {
  MutexLock lock(mutex_);
  return fenced_;
}

bool LedgerAttempt::isLate() const {
  MutexLock lock(mutex_);
  return gave_up_;
}

}  // namespace modhost::host
