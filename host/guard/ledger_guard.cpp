#include "host/guard/ledger_guard.h"

#include <algorithm>
#include <utility>

#include "host/base/log.h"
#include "host/guard/closing_run.h"
#include "host/guard/guard_core.h"
#include "host/guard/ledger_attempt.h"

namespace modhost::host {
namespace {

// Interrupted and handed-back attempts are not counted, but may have left steps.
bool mayHaveLedger(const Delivery& delivery) {
  return delivery.begun || delivery.attempts > 0 || delivery.interruptions > 0;
}

}  // namespace

LedgerGuard::LedgerGuard(Inbox& inbox, Platform& platform, Clock& clock, Metrics& metrics,
                         GuardSettings settings)
    : core_(std::make_shared<GuardCore>(inbox, platform, clock, metrics, std::move(settings))) {}

LedgerGuard::~LedgerGuard() {
  std::vector<std::weak_ptr<LedgerAttempt>> attempts;
  {
    MutexLock lock(mutex_);
    attempts.swap(attempts_);
  }
  for (const auto& weak : attempts) {
    if (const auto attempt = weak.lock()) attempt->revoke([] {});
  }
  core_->stop();
}

std::shared_ptr<GuardedAttempt> LedgerGuard::open(
    const Delivery& delivery, SteadyTime deadline,
    std::shared_ptr<const std::vector<CallPattern>> allowed) {
  auto ledger = core_->ledgerOf(delivery.key, mayHaveLedger(delivery));
  if (!ledger.ok()) {
    logError("guard", "the ledger can not be read; the attempt gets no way out",
             aboutDelivery(delivery), {{"error", ledger.error().message}});
  }
  auto attempt = std::make_shared<LedgerAttempt>(core_, delivery, deadline, std::move(allowed),
                                                 ledger.ok() ? ledger.take() : nullptr);
  MutexLock lock(mutex_);
  if (attempts_.size() >= forget_at_) {
    std::erase_if(attempts_, [](const auto& weak) { return weak.expired(); });
    forget_at_ = std::max<std::size_t>(1'024, 2 * attempts_.size());
  }
  attempts_.push_back(attempt);
  return attempt;
}

std::vector<RecentCall> LedgerGuard::callsOf(EventSeq seq) const { return core_->calls.of(seq); }

Result<Guard::Standing> LedgerGuard::standing(const DeliveryKey& key) {
  auto ledger = core_->ledgerOf(key, true);
  if (!ledger.ok()) return ledger.takeError();
  DeliveryLedger& known = *ledger.value();
  const AnswerState answer = known.answer().state();
  return Standing{!known.openSteps().empty(), answer == AnswerState::kWritten,
                  answer == AnswerState::kApologised};
}

void LedgerGuard::close(const Closing& closing, std::function<void(bool)> done) {
  auto ledger = core_->ledgerOf(closing.delivery.key, true);
  if (!ledger.ok()) {
    core_->metrics.failed_closings.add();
    logError("guard", "the ledger can not be read; nothing is closed",
             aboutDelivery(closing.delivery), {{"error", ledger.error().message}});
    return done(false);
  }
  std::make_shared<ClosingRun>(core_, closing, ledger.take(), std::move(done))->start();
}

}  // namespace modhost::host
