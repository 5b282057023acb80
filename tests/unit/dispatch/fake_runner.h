// FakeRunner: a module whose every attempt lasts until the test ends it. It watches over what
// dispatch promises to every module, and keeps what it saw broken for the test to check.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/base/mutex.h"
#include "host/modules/module_runner.h"

namespace modhost::host {

class FakeRunner final : public ModuleRunner {
 public:
  FakeRunner(const std::string& id, int concurrency) : concurrency_(concurrency) {
    description_.id = id;
  }

  const ModuleDescription& description() const override { return description_; }
  int concurrency() const override { return concurrency_; }
  int stuck() const override { return 0; }
  RunnerHealth health() const override { return {}; }
  bool stillMapped() const override { return false; }
  void stop(Milliseconds) override {}

  void start(Attempt attempt, Ended ended) override {
    const std::string event = attempt.event->id;
    take(std::move(attempt), std::move(ended));
    if (on_start_) on_start_(event);
  }

  void cancel(AttemptToken token) override {
    MutexLock lock(mutex_);
    cancelled_.insert(tokens_[token]);
  }

  void abandon(AttemptToken token) override {
    MutexLock lock(mutex_);
    const auto found = running_.find(tokens_[token]);
    if (found == running_.end()) return;  // its end is on the way already
    abandoned_.push_back(found->first);
    late_.push_back(found->second.ended);
    running_.erase(found);
  }

  // --- the test's side ---

  // Called on the dispatch thread once an attempt runs. To be set before the dispatcher starts.
  void onStart(std::function<void(const std::string& event)> on_start) {
    on_start_ = std::move(on_start);
  }

  void end(const std::string& event, AttemptEnd how) {
    Ended ended;
    {
      MutexLock lock(mutex_);
      const auto found = running_.find(event);
      if (found == running_.end()) return;
      ended = std::move(found->second.ended);
      running_.erase(found);
    }
    ended(std::move(how));
  }
  void end(const std::string& event, AttemptEnd::Kind kind = AttemptEnd::Kind::kOk) {
    end(event, AttemptEnd{kind, {}, kind == AttemptEnd::Kind::kFailed ? "it broke" : "", true});
  }

  // As when the processes of the old host are gone: reports that come too late.
  void endAllLate() {
    std::vector<Ended> late;
    {
      MutexLock lock(mutex_);
      for (auto& [event, running] : running_) late.push_back(std::move(running.ended));
      for (auto& ended : late_) late.push_back(std::move(ended));
      running_.clear();
      late_.clear();
    }
    for (Ended& ended : late) ended({});
  }

  std::vector<std::string> running() const {
    MutexLock lock(mutex_);
    std::vector<std::string> events;
    for (const auto& [event, running] : running_) events.push_back(event);
    return events;
  }
  std::optional<Attempt> attempt(const std::string& event) const {
    MutexLock lock(mutex_);
    const auto found = running_.find(event);
    if (found == running_.end()) return std::nullopt;
    return found->second.attempt;
  }
  std::vector<std::string> started() const { return copy(started_); }
  std::vector<std::string> abandoned() const { return copy(abandoned_); }
  std::set<std::string> cancelled() const { return copy(cancelled_); }
  std::vector<std::string> broken() const { return copy(broken_); }

 private:
  struct Running {
    Attempt attempt;
    Ended ended;
  };

  void take(Attempt attempt, Ended ended) {
    MutexLock lock(mutex_);
    const std::string event = attempt.event->id;
    if (running_.count(event) != 0) broken_.push_back("two attempts at once: " + event);
    if (running_.size() >= static_cast<std::size_t>(concurrency_)) {
      broken_.push_back("concurrency exceeded by " + event);
    }
    started_.push_back(event);
    Running running{std::move(attempt), std::move(ended)};
    tokens_[running.attempt.token] = event;
    running_.emplace(event, std::move(running));
  }

  template <typename T>
  T copy(const T& member) const {
    MutexLock lock(mutex_);
    return member;
  }

  ModuleDescription description_;
  const int concurrency_;
  std::function<void(const std::string&)> on_start_;

  mutable Mutex mutex_;
  std::map<std::string, Running> running_;  // by event
  std::map<AttemptToken, std::string> tokens_;
  std::vector<Ended> late_;
  std::vector<std::string> started_, abandoned_, broken_;
  std::set<std::string> cancelled_;
};

}  // namespace modhost::host
