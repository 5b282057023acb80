// LedgerAttempt: the way out of one attempt. Each call becomes an Operation that ends in exactly
// one complete(), whatever happens to the inbox, the platform or the attempt meanwhile.
//
// Threads: every method from any thread; the callbacks between an operation's parts run on the
// inbox's writer or the platform's thread, without a lock held.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/guard/delivery_ledger.h"
#include "host/guard/guard.h"
#include "host/guard/guard_core.h"
#include "host/guard/stop_watch.h"

namespace modhost::host {

class LedgerAttempt final : public GuardedAttempt,
                            public std::enable_shared_from_this<LedgerAttempt> {
 public:
  // A null `ledger` (it could not be read) lets no call out: each answers kUnavailable.
  // `delivery` does not count this attempt yet.
  LedgerAttempt(std::shared_ptr<GuardCore> core, const Delivery& delivery, SteadyTime deadline,
                std::shared_ptr<const std::vector<CallPattern>> allowed,
                std::shared_ptr<DeliveryLedger> ledger);
  ~LedgerAttempt() override { watch_->end(); }

  void call(ModuleCall call, std::function<void(ModuleReply)> done) override;
  bool cancelled() const override;
  const LogFields& about() const override { return origin()->about; }
  void revoke(std::function<void()> quiet) override;
  void cancel() override;
  void watchForStop(std::function<void()> stopped) override { watch_->start(std::move(stopped)); }
  bool userStopped() const override { return watch_->stopped(); }
  bool openSteps() const override { return !ledger_ || !ledger_->openSteps().empty(); }

 private:
  struct Operation {
    ModuleCall call;
    std::function<void(ModuleReply)> done;
    bool is_write = false;
    std::string route = {};        // of the metrics
    StepKey step = {};             // of a create
    GuardCore::Ticket ticket = 0;  // of its platform call; guarded by mutex_
  };
  using OperationPtr = std::shared_ptr<Operation>;
  using Then = std::function<void(PlatformOutcome)>;
  using Record = std::function<void(Inbox::Done)>;

  const std::shared_ptr<const CallOrigin>& origin() const;
  bool admit(const OperationPtr& operation) EXCLUDES(mutex_);
  void dispatch(const OperationPtr& operation, const std::vector<std::string>& segments);
  void complete(const OperationPtr& operation, ModuleReply reply);
  void refuseBody(const OperationPtr& operation, const char* why);
  void send(const OperationPtr& operation, const std::string& method, const std::string& path,
            const std::string& body, Then then);
  void pass(const OperationPtr& operation);
  Inbox::Done noted() const;
  Inbox::Done patiently(Record again, Inbox::Done then);
  void recorded(const Record& again, const Inbox::Done& then, SteadyTime until,
                Result<void> result);
  void cut(const Operation& operation, GuardCore::Ticket ticket);

  void createStep(const OperationPtr& operation);
  void createRow(const OperationPtr& operation, StepState state);
  void createCame(const OperationPtr& operation, StepState state, const PlatformOutcome& outcome);
  void continueRow(const OperationPtr& operation, const std::string& log_id, nlohmann::json body);
  void updateStep(const OperationPtr& operation, const std::string& log_id);
  void patchRow(const OperationPtr& operation, const std::string& log_id, const std::string& body,
                std::optional<StepState> state, std::function<ModuleReply(ModuleReply)> answer);
  void patchCame(const std::string& log_id, StepState state, const PlatformOutcome& outcome);
  void closeLateRow(const std::string& log_id, StepState state);
  StepKey numbered(StepKey key) EXCLUDES(mutex_);

  void writeMessage(const OperationPtr& operation, const std::string& message_id);
  void streamAnswer(const OperationPtr& operation);
  void writeAnswer(const OperationPtr& operation);
  void answerCame(const OperationPtr& operation, const PlatformOutcome& outcome);

  void giveUpWaiting();
  bool isFenced() const EXCLUDES(mutex_);
  bool isLate() const EXCLUDES(mutex_);

  const std::shared_ptr<GuardCore> core_;
  const EventPtr event_;
  const CallOwner owner_;
  const SteadyTime deadline_;
  const std::shared_ptr<const std::vector<CallPattern>> allowed_;
  const std::shared_ptr<DeliveryLedger> ledger_;
  const std::shared_ptr<StopWatch> watch_;
  const int number_;  // among the delivery's attempts in this process

  mutable std::once_flag
      origin_made_;  // by who asks first: most attempts call nothing and log nothing
  mutable std::shared_ptr<const CallOrigin> origin_;

  mutable Mutex mutex_;
  bool cancelled_ GUARDED_BY(mutex_) = false;
  bool fenced_ GUARDED_BY(mutex_) = false;
  bool quiet_ GUARDED_BY(mutex_) = false;    // no write is awaited any more
  bool gave_up_ GUARDED_BY(mutex_) = false;  // quiet, though a write was still under way
  int writes_ GUARDED_BY(mutex_) = 0;        // of those under way: what may change something
  std::set<OperationPtr> under_way_ GUARDED_BY(mutex_);
  std::vector<std::function<void()>> on_quiet_ GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::int64_t>, int> creates_ GUARDED_BY(mutex_);
};

}  // namespace modhost::host
