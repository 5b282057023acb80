// FaultyInbox: a MemoryInbox that is unavailable, or failed for good, when the test says so, and
// that remembers what was begun together and how much was handed out.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "host/base/mutex.h"
#include "tests/support/memory_inbox.h"

namespace modhost::host {

class FaultyInbox final : public Inbox {
 public:
  explicit FaultyInbox(MemoryInbox& inbox) : inbox_(inbox) {}

  // The next `times` calls of `method` ("begin", "next", "openTargets", "openDeliveries") answer
  // `kind`.
  void failNext(const std::string& method, ErrorKind kind, int times) {
    MutexLock lock(mutex_);
    faults_[method] = {kind, times};
  }
  std::vector<std::vector<Begin>> begins() const {
    MutexLock lock(mutex_);
    return begins_;
  }
  std::size_t handedOut() const {
    MutexLock lock(mutex_);
    return handed_out_;
  }
  // Called on the dispatch thread before each next(). To be set before the dispatcher starts.
  void onNext(std::function<void()> on_next) { on_next_ = std::move(on_next); }

  // Calls of openDeliveriesOf(), each of which is a commit.
  int askedOpen() const {
    MutexLock lock(mutex_);
    return asked_open_;
  }
  int faultsLeft(const std::string& method) const {
    MutexLock lock(mutex_);
    const auto found = faults_.find(method);
    return found == faults_.end() ? 0 : found->second.second;
  }

  Result<Accepted> accept(const EventPtr& event, std::span<const Target> targets) override {
    return inbox_.accept(event, targets);
  }
  void acceptThen(const EventPtr& event, std::vector<Target> targets, AcceptDone done) override {
    inbox_.acceptThen(event, std::move(targets), std::move(done));
  }
  Result<Accepted> park(const Event& event, const Target& target, std::string_view why) override {
    return inbox_.park(event, target, why);
  }
  void onReady(std::function<void(const Target&)> ready) override {
    inbox_.onReady(std::move(ready));
  }
  void onFailure(std::function<void(const Error&)> failed) override {
    inbox_.onFailure(std::move(failed));
  }
  Result<std::vector<Delivery>> next(const Target& target, std::size_t max) override {
    if (on_next_) on_next_();
    MutexLock lock(mutex_);
    if (faulty("next")) return fault("next");
    Result<std::vector<Delivery>> taken = inbox_.next(target, max);
    if (taken) handed_out_ += taken.value().size();
    return taken;
  }
  Result<std::vector<Target>> openTargets() override {
    MutexLock lock(mutex_);
    if (faulty("openTargets")) return fault("openTargets");
    return inbox_.openTargets();
  }
  Result<void> begin(std::span<const Begin> begins) override {
    MutexLock lock(mutex_);
    if (faulty("begin")) return fault("begin");
    begins_.emplace_back(begins.begin(), begins.end());
    return inbox_.begin(begins);
  }
  void settle(std::vector<Settlement> settlements) override {
    inbox_.settle(std::move(settlements));
  }
  Result<std::vector<int>> openDeliveriesOf(std::span<const EventSeq> seqs) override {
    MutexLock lock(mutex_);
    ++asked_open_;
    if (faulty("openDeliveries")) return fault("openDeliveries");
    return inbox_.openDeliveriesOf(seqs);
  }
  Result<Ledger> ledger(const DeliveryKey& key) override { return inbox_.ledger(key); }
  void record(std::vector<LedgerEntry> entries, Done done) override {
    inbox_.record(std::move(entries), std::move(done));
  }
  Result<InboxStats> stats() override { return inbox_.stats(); }

 private:
  bool faulty(const std::string& method) REQUIRES(mutex_) { return faults_[method].second > 0; }
  Error fault(const std::string& method) REQUIRES(mutex_) {
    --faults_[method].second;
    return {faults_[method].first, "told to fail"};
  }

  MemoryInbox& inbox_;
  std::function<void()> on_next_;
  mutable Mutex mutex_;
  std::map<std::string, std::pair<ErrorKind, int>> faults_ GUARDED_BY(mutex_);
  std::vector<std::vector<Begin>> begins_ GUARDED_BY(mutex_);
  std::size_t handed_out_ GUARDED_BY(mutex_) = 0;
  int asked_open_ GUARDED_BY(mutex_) = 0;
};

}  // namespace modhost::host
