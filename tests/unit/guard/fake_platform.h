// FakePlatform: a Platform whose replies the test decides. It calls `done` on a thread of its own,
// as the real one does, and keeps what it was asked to hold until the test answers it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "host/base/mutex.h"
#include "host/base/thread.h"
#include "host/platform/platform.h"

namespace modhost::host {

inline PlatformOutcome replied(int status, const std::string& body = "{}", int unknown_tries = 0) {
  return {PlatformReply{status, body}, unknown_tries};
}
inline PlatformOutcome lost(ErrorKind kind, int unknown_tries) {
  return {Error{kind, "lost"}, unknown_tries};
}

class FakePlatform final : public Platform {
 public:
  FakePlatform() : thread_("fake-platform", [this] { run(); }) {}
  ~FakePlatform() override {
    {
      MutexLock lock(mutex_);
      stop_ = true;
      changed_.notifyAll();
    }
    thread_.join();
  }

  // Every later call of this method and path prefix gets `outcome`; the newest rule counts.
  void answer(const std::string& method, const std::string& prefix, PlatformOutcome outcome) {
    MutexLock lock(mutex_);
    rules_.push_back({method, prefix, {std::move(outcome)}});
  }
  // The same, one outcome after the other, the last one for ever.
  void answerInTurn(const std::string& method, const std::string& prefix,
                    std::deque<PlatformOutcome> outcomes) {
    MutexLock lock(mutex_);
    rules_.push_back({method, prefix, std::move(outcomes)});
  }
  // Later calls are on the wire and get no reply until the test gives one by reply().
  void hold(const std::string& method, const std::string& prefix) {
    MutexLock lock(mutex_);
    rules_.push_back({method, prefix, {}, Rule::Held::kOnWire});
  }
  // Later calls wait in a queue of the platform's client, as in a pause of their company.
  void queueUp(const std::string& method, const std::string& prefix) {
    MutexLock lock(mutex_);
    rules_.push_back({method, prefix, {}, Rule::Held::kQueued});
  }
  // Answers the oldest held call.
  void reply(PlatformOutcome outcome) {
    MutexLock lock(mutex_);
    while (held_.empty()) changed_.wait(mutex_);
    queue_.emplace_back(std::move(held_.begin()->second.done), std::move(outcome));
    held_.erase(held_.begin());
    changed_.notifyAll();
  }
  // What happens, under the fake's lock, at the moment a call arrives.
  void onCall(std::function<void(const PlatformRequest&)> look) {
    MutexLock lock(mutex_);
    look_ = std::move(look);
  }

  // Waits until `count` calls have arrived in all.
  void waitForCalls(std::size_t count) {
    MutexLock lock(mutex_);
    while (requests_.size() < count) changed_.wait(mutex_);
  }
  std::vector<PlatformRequest> requests() const {
    MutexLock lock(mutex_);
    return requests_;
  }
  // "POST /message-log", … in order.
  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const PlatformRequest& one : requests()) out.push_back(one.method + " " + one.path);
    return out;
  }
  int cancels() const {
    MutexLock lock(mutex_);
    return cancels_;
  }

  int withdrawals() const {
    MutexLock lock(mutex_);
    return withdrawals_;
  }

  PlatformCallId call(PlatformRequest request, PlatformDone done) override {
    MutexLock lock(mutex_);
    const PlatformCallId id = ++last_id_;
    if (look_) look_(request);
    requests_.push_back(request);
    Rule* rule = ruleFor(request);
    if (rule != nullptr && rule->held != Rule::Held::kNot) {
      held_.emplace(id, HeldCall{std::move(done), rule->held == Rule::Held::kOnWire});
    } else {
      queue_.emplace_back(std::move(done), outcomeOf(rule, request));
    }
    changed_.notifyAll();
    return id;
  }

  void withdraw(PlatformCallId id) override {
    MutexLock lock(mutex_);
    ++withdrawals_;
    const auto found = held_.find(id);
    if (found != held_.end() && !found->second.on_wire) end(found, 0);
  }

  void cancel(PlatformCallId id) override {
    MutexLock lock(mutex_);
    ++cancels_;
    const auto found = held_.find(id);
    if (found != held_.end()) end(found, found->second.on_wire ? 1 : 0);
  }

 private:
  struct Rule {
    enum class Held { kNot = 1, kOnWire, kQueued };
    std::string method, prefix;
    std::deque<PlatformOutcome> outcomes;
    Held held = Held::kNot;
  };
  struct HeldCall {
    PlatformDone done;
    bool on_wire = true;
  };

  void end(std::map<PlatformCallId, HeldCall>::iterator call, int unknown_tries) REQUIRES(mutex_) {
    queue_.emplace_back(std::move(call->second.done), lost(ErrorKind::kCancelled, unknown_tries));
    held_.erase(call);
    changed_.notifyAll();
  }

  Rule* ruleFor(const PlatformRequest& request) REQUIRES(mutex_) {
    for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
      if (rule->method == request.method && request.path.starts_with(rule->prefix)) return &*rule;
    }
    return nullptr;
  }

  PlatformOutcome outcomeOf(Rule* rule, const PlatformRequest& request) REQUIRES(mutex_) {
    if (rule != nullptr) {
      PlatformOutcome outcome = rule->outcomes.front();
      if (rule->outcomes.size() > 1) rule->outcomes.pop_front();
      return outcome;
    }
    if (request.method == "POST" && request.path == "/message-log") {
      return replied(201, R"({"id":"log_)" + std::to_string(++rows_) + R"("})");
    }
    return replied(200);
  }

  void run() {
    while (true) {
      std::pair<PlatformDone, PlatformOutcome> next{nullptr, lost(ErrorKind::kCancelled, 0)};
      {
        MutexLock lock(mutex_);
        while (queue_.empty() && !stop_) changed_.wait(mutex_);
        if (queue_.empty()) return;
        next = std::move(queue_.front());
        queue_.pop_front();
      }
      next.first(std::move(next.second));
    }
  }

  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Rule> rules_ GUARDED_BY(mutex_);
  std::vector<PlatformRequest> requests_ GUARDED_BY(mutex_);
  std::map<PlatformCallId, HeldCall> held_ GUARDED_BY(mutex_);
  std::deque<std::pair<PlatformDone, PlatformOutcome>> queue_ GUARDED_BY(mutex_);
  std::function<void(const PlatformRequest&)> look_ GUARDED_BY(mutex_);
  PlatformCallId last_id_ GUARDED_BY(mutex_) = 0;
  int rows_ GUARDED_BY(mutex_) = 0;
  int cancels_ GUARDED_BY(mutex_) = 0, withdrawals_ GUARDED_BY(mutex_) = 0;
  bool stop_ GUARDED_BY(mutex_) = false;

  Thread thread_;  // last: it uses everything above
};

}  // namespace modhost::host
