// FakeGuard: says of every delivery what the test told it, and lets the test hold back what the
// real guard takes time for: a fence's quiet, a round of closing calls.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/base/mutex.h"
#include "host/guard/guard.h"

namespace modhost::host {

class FakeGuard final : public Guard {
 public:
  struct Closed {
    DeliveryKey key;
    bool ended_well = false;
    bool apologise = false;
    bool look_first = false;
  };

  std::shared_ptr<GuardedAttempt> open(const Delivery& delivery, SteadyTime,
                                       std::shared_ptr<const std::vector<CallPattern>>) override {
    MutexLock lock(mutex_);
    if (!open_.insert(delivery.key).second) broken_.push_back("opened before the fence was quiet");
    opened_again_.push_back(delivery.begun || delivery.attempts > 0);
    return std::make_shared<FakeAttempt>(*this, delivery.key);
  }

  Result<Standing> standing(const DeliveryKey& key) override {
    MutexLock lock(mutex_);
    if (!standing_errors_.empty()) {
      Error error = standing_errors_.back();
      standing_errors_.pop_back();
      return error;
    }
    return Standing{open_steps_.count(key) != 0, answered_.count(key.seq) != 0,
                    apologised_.count(key.seq) != 0};
  }

  void close(const Closing& closing, std::function<void(bool)> done) override {
    if (on_close) on_close(closing);
    {
      MutexLock lock(mutex_);
      const DeliveryKey& key = closing.delivery.key;
      if (open_.count(key) != 0) broken_.push_back("closed before the fence was quiet");
      closed_.push_back({key, closing.ended_well, closing.apologise, closing.look_first});
      if (hold_closings_) {
        held_.push_back([this, closing, done](bool accepted) { finish(closing, done, accepted); });
        return;
      }
    }
    bool accepted = true;
    {
      MutexLock lock(mutex_);
      if (close_failures_ > 0) {
        --close_failures_;
        accepted = false;
      }
    }
    finish(closing, done, accepted);
  }

  // --- the test's side ---

  // Set before start.
  std::function<void(const Closing&)> on_close;

  void setAnswered(EventSeq seq) {
    locked([&] { answered_.insert(seq); });
  }
  void setOpenSteps(const DeliveryKey& key) {
    locked([&] { open_steps_.insert(key); });
  }
  // The user presses stop while an attempt of the delivery runs.
  void pressStop(const DeliveryKey& key) {
    std::function<void()> tell;
    locked([&] {
      stopped_.insert(key);
      tell.swap(watching_[key]);
    });
    if (tell) tell();
  }
  void failStanding(ErrorKind kind) {
    locked([&] { standing_errors_.push_back({kind, "told to"}); });
  }
  void failClosings(int rounds) {
    locked([&] { close_failures_ = rounds; });
  }
  void holdQuiet(bool hold) {
    locked([&] { hold_quiet_ = hold; });
  }
  void holdClosings(bool hold) {
    locked([&] { hold_closings_ = hold; });
  }

  // Let what was held back go on; false: nothing was.
  bool releaseQuiet() {
    std::vector<std::function<void()>> quiet;
    locked([&] { quiet.swap(held_quiet_); });
    for (const auto& run : quiet) run();
    return !quiet.empty();
  }
  bool releaseClosings(bool accepted = true) {
    std::vector<std::function<void(bool)>> held;
    locked([&] { held.swap(held_); });
    for (const auto& run : held) run(accepted);
    return !held.empty();
  }

  // A new process knows nothing of the old one's attempts.
  void restart() {
    locked([&] {
      open_.clear();
      held_.clear();
      held_quiet_.clear();
    });
  }

  std::size_t quietHeld() const { return copy(held_quiet_).size(); }
  std::vector<Closed> closed() const { return copy(closed_); }
  std::vector<bool> openedAgain() const { return copy(opened_again_); }
  std::set<DeliveryKey> cancelled() const { return copy(cancelled_); }
  std::vector<std::string> broken() const { return copy(broken_); }

 private:
  class FakeAttempt final : public GuardedAttempt {
   public:
    FakeAttempt(FakeGuard& guard, DeliveryKey key) : guard_(guard), key_(std::move(key)) {}
    void call(ModuleCall, std::function<void(ModuleReply)> done) override { done({}); }
    bool cancelled() const override { return false; }
    void cancel() override {
      guard_.locked([&] { guard_.cancelled_.insert(key_); });
    }
    void revoke(std::function<void()> quiet) override { guard_.revoked(key_, std::move(quiet)); }
    void watchForStop(std::function<void()> stopped) override {
      guard_.locked([&] { guard_.watching_[key_] = std::move(stopped); });
    }
    bool userStopped() const override { return guard_.isStopped(key_); }
    bool openSteps() const override { return guard_.hasOpenSteps(key_); }

   private:
    FakeGuard& guard_;
    const DeliveryKey key_;
  };

  void revoked(const DeliveryKey& key, std::function<void()> quiet) {
    const auto run = [this, key, quiet = std::move(quiet)] {
      locked([&] { open_.erase(key); });
      quiet();
    };
    {
      MutexLock lock(mutex_);
      if (hold_quiet_) {
        held_quiet_.push_back(run);
        return;
      }
    }
    run();
  }

  void finish(const Closing& closing, const std::function<void(bool)>& done, bool accepted) {
    locked([&] {
      if (accepted) open_steps_.erase(closing.delivery.key);
      if (accepted && closing.apologise) apologised_.insert(closing.delivery.key.seq);
    });
    done(accepted);
  }

  bool hasOpenSteps(const DeliveryKey& key) const {
    MutexLock lock(mutex_);
    return open_steps_.count(key) != 0;
  }
  bool isStopped(const DeliveryKey& key) const {
    MutexLock lock(mutex_);
    return stopped_.count(key) != 0;
  }

  template <typename Body>
  void locked(Body body) {
    MutexLock lock(mutex_);
    body();
  }
  template <typename T>
  T copy(const T& member) const {
    MutexLock lock(mutex_);
    return member;
  }

  mutable Mutex mutex_;
  std::set<DeliveryKey> open_;  // attempts not yet quiet
  std::set<DeliveryKey> open_steps_, cancelled_, stopped_;
  std::map<DeliveryKey, std::function<void()>> watching_;
  std::set<EventSeq> answered_, apologised_;
  std::vector<Error> standing_errors_;
  std::vector<Closed> closed_;
  std::vector<bool> opened_again_;
  std::vector<std::string> broken_;
  std::vector<std::function<void()>> held_quiet_;
  std::vector<std::function<void(bool)>> held_;
  int close_failures_ = 0;
  bool hold_quiet_ = false, hold_closings_ = false;
};

}  // namespace modhost::host
