// DispatchStage: a Dispatcher among fakes, with the one trick that keeps its tests free of waiting:
// settled().
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "host/base/thread.h"
#include "host/dispatch/dispatcher.h"
#include "host/event/event.h"
#include "tests/support/eventually.h"
#include "tests/support/events.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_inbox.h"
#include "tests/unit/dispatch/fake_guard.h"
#include "tests/unit/dispatch/fake_runner.h"
#include "tests/unit/dispatch/faulty_inbox.h"

namespace modhost::host {

// A FakeClock that counts how often the dispatch thread went to sleep on it.
class StageClock final : public Clock {
 public:
  WallTime wallNow() const override { return clock_.wallNow(); }
  SteadyTime steadyNow() const override { return clock_.steadyNow(); }
  void waitUntil(CondVar& changed, Mutex& mutex, SteadyTime deadline) REQUIRES(mutex) override {
    {
      MutexLock lock(mutex_);
      ++sleeps_;
      slept_.notifyAll();
    }
    clock_.waitUntil(changed, mutex, deadline);
  }
  void advance(Milliseconds by) { clock_.advance(by); }
  void jumpWall(Milliseconds by) { clock_.jumpWall(by); }

  // Until it went to sleep anew, twice: it may have looked at the clock for the first sleep before
  // the call. False: it did not within the safety limit, or is over.
  bool awaitSleep(const std::atomic<bool>& over) {
    const auto limit = std::chrono::steady_clock::now() + kSafetyLimit;
    MutexLock lock(mutex_);
    const long enough = sleeps_ + 2;
    while (sleeps_ < enough && !over && std::chrono::steady_clock::now() < limit) {
      slept_.waitUntil(mutex_, std::chrono::steady_clock::now() + Milliseconds(2));
    }
    return sleeps_ >= enough;
  }

 private:
  FakeClock clock_;
  Mutex mutex_;
  CondVar slept_;
  long sleeps_ GUARDED_BY(mutex_) = 0;
};

class DispatchStage {
 public:
  using Kind = AttemptEnd::Kind;

  ~DispatchStage() {
    stop();
    CHECK(guard.broken() == std::vector<std::string>{});
    for (const auto& [id, runner] : runners_) CHECK(runner->broken() == std::vector<std::string>{});
  }

  // The lane may be changed until start().
  Lane& addLane(const std::string& id, int concurrency = 1) {
    runners_[id] = std::make_shared<FakeRunner>(id, concurrency);
    Lane lane;
    lane.runner = runners_[id];
    lanes_[id] = std::move(lane);
    return lanes_[id];
  }
  Lane& addAnswering(const std::string& id = "rag", int concurrency = 1) {
    Lane& lane = addLane(id, concurrency);
    lane.answers = true;
    return lane;
  }

  void start() {
    std::vector<Lane> lanes;
    for (const auto& [id, lane] : lanes_) lanes.push_back(lane);
    dispatcher = std::make_unique<Dispatcher>(faulty, guard, clock, metrics, settings, lanes);
    dispatcher->start();
    settled();
  }

  // A new generation of the module; the lane may be changed until reconfigure(). The old one's
  // runner: when nobody else holds it any more, dispatch has let it go.
  std::shared_ptr<FakeRunner> replace(const std::string& id, int concurrency = 1) {
    std::shared_ptr<FakeRunner> old = std::exchange(runners_[id], nullptr);
    runners_[id] = std::make_shared<FakeRunner>(id, concurrency);
    lanes_[id].runner = runners_[id];
    return old;
  }
  std::shared_ptr<FakeRunner> remove(const std::string& id) {
    std::shared_ptr<FakeRunner> old = std::exchange(runners_[id], nullptr);
    runners_.erase(id);
    lanes_.erase(id);
    return old;
  }
  Lane& lane(const std::string& id) { return lanes_.at(id); }
  void reconfigure() {
    std::vector<Lane> lanes;
    for (const auto& [id, lane] : lanes_) lanes.push_back(lane);
    dispatcher->reconfigure(std::move(lanes));
    settled();
  }

  // Stops whatever runs: nothing is held back, and drain passes once the stop is known.
  void stop() {
    if (!dispatcher) return;
    std::atomic<bool> over = false;
    dispatcher->requestStop();
    Thread stopper("stopper", [&] {
      dispatcher->stop();
      over = true;
    });
    guard.holdQuiet(false);
    guard.releaseQuiet();
    clock.awaitSleep(over);
    clock.advance(settings.drain);
    stopper.join();
    dispatcher.reset();
  }

  // Returns when dispatch has dealt with everything that was posted, and every moment that came,
  // before this call: it goes to sleep only then.
  void settled() {
    inbox.flush();
    REQUIRE(clock.awaitSleep(false));
  }
  void advance(Milliseconds by) {
    clock.advance(by);
    settled();
  }

  EventSeq accept(const std::string& id, const std::vector<Target>& targets,
                  const std::string& chat = "chat", const std::string& company = "acme") {
    const EventSeq seq = store(chosenEventBody(id, "text", chat, company), targets);
    if (dispatcher) settled();
    return seq;
  }
  // One without an assistant message: no bubble waits in the chat.
  EventSeq acceptUserMessage(const std::string& id, const std::vector<Target>& targets) {
    const EventSeq seq = store(userMessageEventBody(id), targets);
    if (dispatcher) settled();
    return seq;
  }

  void end(const Target& module, const std::string& event, Kind kind = Kind::kOk) {
    runner(module).end(event, kind);
    settled();
  }
  void end(const Target& module, const std::string& event, AttemptEnd how) {
    runner(module).end(event, std::move(how));
    settled();
  }

  FakeRunner& runner(const std::string& id) { return *runners_.at(id); }
  DeliveryLife life(EventSeq seq, const Target& target) const {
    return inbox.life({seq, target}).value_or(DeliveryLife{});
  }
  DeadLetter onlyDeadLetter() {
    const Result<std::vector<DeadLetter>> letters = inbox.deadLetters(0, 10);
    REQUIRE(letters.value().size() == 1);
    return letters.value().front();
  }
  bool metricsSay(const std::string& line) const {
    return metrics.text().find(line) != std::string::npos;
  }

  StageClock clock;
  MemoryInbox inbox{clock};
  FaultyInbox faulty{inbox};
  FakeGuard guard;
  Metrics metrics;
  DispatchSettings settings;
  std::unique_ptr<Dispatcher> dispatcher;

 private:
  EventSeq store(const std::string& body, const std::vector<Target>& targets) {
    const Result<ParsedEvent> parsed = parseEvent(body, clock.wallNow());
    const Result<Accepted> accepted = faulty.accept(parsed.value().event, targets);
    return accepted.value().seq;
  }

  std::map<std::string, std::shared_ptr<FakeRunner>> runners_;
  std::map<std::string, Lane> lanes_;
};

}  // namespace modhost::host
