// What the tests of runners share: a runner of a tiny module, calls that a test answers, and
// attempts whose end it awaits. Waiting has a generous limit and no other time in it.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/base/mutex.h"
#include "host/modules/runner_factory.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_folder.h"

namespace modhost::host {

inline std::string tinyModule(const std::string& name) {
  return std::string(TINY_MODULES_FOLDER) + "/" + name + ".so";
}

// Keeps what it is called with until the test answers.
class HeldCalls final : public PlatformCalls {
 public:
  void call(ModuleCall call, std::function<void(ModuleReply)> done) override {
    MutexLock lock(mutex_);
    held_.push_back({std::move(call), std::move(done)});
    changed_.notifyAll();
  }
  bool cancelled() const override {
    MutexLock lock(mutex_);
    return cancelled_;
  }
  void setCancelled() {
    MutexLock lock(mutex_);
    cancelled_ = true;
  }
  // The call, once `count` have been made in all.
  ModuleCall await(std::size_t count = 1) {
    const auto until = std::chrono::steady_clock::now() + kSafetyLimit;
    MutexLock lock(mutex_);
    while (held_.size() < count) {
      REQUIRE(std::chrono::steady_clock::now() < until);
      changed_.waitUntil(mutex_, until);
    }
    return held_[count - 1].call;
  }
  std::size_t count() const {
    MutexLock lock(mutex_);
    return held_.size();
  }
  void answer(std::size_t index, ModuleReply reply) {
    std::function<void(ModuleReply)> done;
    {
      MutexLock lock(mutex_);
      REQUIRE(index < held_.size());
      done = std::exchange(held_[index].done, nullptr);  // it holds the attempt, which holds us
    }
    done(std::move(reply));
  }

 private:
  struct Held {
    ModuleCall call;
    std::function<void(ModuleReply)> done;
  };
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Held> held_ GUARDED_BY(mutex_);
  bool cancelled_ GUARDED_BY(mutex_) = false;
};

inline ModuleReply replyOf(int status, const std::string& body) {
  ModuleReply reply;
  reply.status = status;
  reply.body = body;
  return reply;
}

// The ends of attempts, by token. Must outlive the runner.
class Ends {
 public:
  ModuleRunner::Ended into(AttemptToken token) {
    return [this, token](AttemptEnd end) {
      MutexLock lock(mutex_);
      CHECK(ends_.emplace(token, std::move(end)).second);  // exactly once
      changed_.notifyAll();
    };
  }
  AttemptEnd await(AttemptToken token) {
    const auto until = std::chrono::steady_clock::now() + kSafetyLimit;
    MutexLock lock(mutex_);
    while (ends_.count(token) == 0) {
      REQUIRE(std::chrono::steady_clock::now() < until);
      changed_.waitUntil(mutex_, until);
    }
    return ends_.at(token);
  }
  bool has(AttemptToken token) {
    MutexLock lock(mutex_);
    return ends_.count(token) != 0;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::map<AttemptToken, AttemptEnd> ends_ GUARDED_BY(mutex_);
};

inline void awaitThat(const std::function<bool()>& holds) { REQUIRE(eventually(holds)); }

struct Harness {
  explicit Harness(Isolation how = Isolation::kInProcess) : isolation(how) {
    runners.run_dir = folder.file("run");
    runners.worker.worker_program = TEST_WORKER;
    runners.worker.start_timeout = std::chrono::duration_cast<Milliseconds>(kSafetyLimit);
    runners.worker.restart_backoff = Milliseconds(1);
    runners.worker.stop_grace = Milliseconds(200);
  }

  ModuleSettings settingsOf(const std::string& file) const {
    ModuleSettings settings;
    settings.id = file;
    std::replace(settings.id.begin(), settings.id.end(), '_', '-');
    settings.path = tinyModule(file);
    settings.isolation = isolation;
    return settings;
  }
  Result<std::unique_ptr<ModuleRunner>> tryMake(const ModuleSettings& settings) {
    return makeRunner(settings, runners, metrics, clock);
  }
  std::unique_ptr<ModuleRunner> make(const std::string& file, int concurrency = 0) {
    ModuleSettings settings = settingsOf(file);
    settings.concurrency = concurrency;
    auto runner = tryMake(settings);
    if (!runner.ok()) FAIL(runner.error().message);
    return runner.take();
  }
  std::string errorOf(const ModuleSettings& settings) {
    const auto runner = tryMake(settings);
    REQUIRE_FALSE(runner.ok());
    return runner.error().message;
  }
  std::string errorOf(const std::string& file) { return errorOf(settingsOf(file)); }

  // Starts an attempt at an event of this type and gives its token.
  AttemptToken start(ModuleRunner& runner, const std::string& type = "test.event",
                     const std::string& body = "{}", bool alone = false) {
    auto event = std::make_shared<Event>();
    event->id = "evt_" + std::to_string(++last_token);
    event->type = type;
    event->user_id = "101";
    event->company_id = "202";
    event->body = body;
    Attempt attempt;
    attempt.token = last_token;
    attempt.event = event;
    attempt.deadline = clock.steadyNow() + kSafetyLimit;
    attempt.calls = calls;
    attempt.alone = alone;
    runner.start(std::move(attempt), ends.into(last_token));
    return last_token;
  }

  TempFolder folder;
  Isolation isolation;
  SystemClock clock;
  Metrics metrics;
  RunnerSettings runners;
  std::shared_ptr<HeldCalls> calls = std::make_shared<HeldCalls>();
  Ends ends;
  AttemptToken last_token = 0;
};

using Kind = AttemptEnd::Kind;

}  // namespace modhost::host
