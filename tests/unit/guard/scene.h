// Scene: one event in an inbox, a platform the test scripts, and a guard between them.
#pragma once

#include <doctest/doctest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/event/event.h"
#include "host/guard/ledger_guard.h"
#include "tests/support/events.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_inbox.h"
#include "tests/unit/guard/fake_platform.h"

namespace modhost::host {

inline constexpr char kFirstStep[] =
    R"({"messageId":"msg_a_evt_1","text":"Searching","status":"RUNNING","order":1})";
inline constexpr char kAnswer[] = R"({"chatId":"chat_aa11","text":"The answer."})";
inline constexpr char kAnswerPath[] = "/messages/msg_a_evt_1";
inline constexpr char kAborted[] =
    R"({"id":"m","text":null,"userAbortedAt":"2026-01-01T00:00:03.000Z"})";
inline constexpr char kLook[] = "GET /messages/msg_a_evt_1?chatId=chat_aa11";

class Scene {
 public:
  Scene() {
    accept("rag");
    startGuard();
  }

  // One delivery of the event per call, all of the same event when called with several targets at
  // once.
  void accept(const std::string& target) {
    auto parsed = parseEvent(chosenEventBody("evt_1"), clock.wallNow());
    REQUIRE(parsed.ok());
    const std::vector<Target> targets{target};
    REQUIRE(inbox.accept(parsed.value().event, targets).ok());
    auto next = inbox.next(target, 1);
    REQUIRE(next.ok());
    REQUIRE(next.value().size() == 1);
    delivery = next.value()[0];
    begin();
  }
  void begin() {
    const std::vector<Begin> begins{{delivery.key, false}};
    REQUIRE(inbox.begin(begins).ok());
  }

  // As after the death of the host: a new guard that knows nothing but the inbox.
  void startGuard() {
    guard.reset();
    guard = std::make_unique<LedgerGuard>(inbox, platform, clock, metrics, settings);
  }

  std::shared_ptr<GuardedAttempt> open() {
    return guard->open(delivery, clock.steadyNow() + std::chrono::minutes(1),
                       std::make_shared<const std::vector<CallPattern>>(defaultCallPatterns()));
  }
  // A further attempt of the same delivery, by a guard with no memory of the first.
  std::shared_ptr<GuardedAttempt> openAgain() {
    startGuard();
    ++delivery.attempts;
    return open();
  }

  static std::future<ModuleReply> start(GuardedAttempt& attempt, const std::string& method,
                                        const std::string& path, const std::string& body) {
    auto promise = std::make_shared<std::promise<ModuleReply>>();
    auto future = promise->get_future();
    attempt.call({method, path, body},
                 [promise](ModuleReply reply) { promise->set_value(std::move(reply)); });
    return future;
  }
  static ModuleReply run(GuardedAttempt& attempt, const std::string& method,
                         const std::string& path, const std::string& body) {
    return start(attempt, method, path, body).get();
  }
  static std::future<void> revoke(GuardedAttempt& attempt) {
    auto promise = std::make_shared<std::promise<void>>();
    auto future = promise->get_future();
    attempt.revoke([promise] { promise->set_value(); });
    return future;
  }
  bool close(bool ended_well, bool apologise) {
    std::promise<bool> done;
    guard->close({delivery, ended_well, apologise}, [&](bool all) { done.set_value(all); });
    return done.get_future().get();
  }

  Ledger ledger() {
    auto found = inbox.ledger(delivery.key);
    REQUIRE(found.ok());
    return found.value();
  }
  Step step(std::size_t index = 0) {
    const Ledger known = ledger();
    REQUIRE(known.steps.size() > index);
    return known.steps[index];
  }
  bool metric(const std::string& line) const {
    return metrics.text().find(line) != std::string::npos;
  }

  GuardSettings settings;
  FakeClock clock;
  Metrics metrics;
  MemoryInbox inbox{clock};
  FakePlatform platform;
  Delivery delivery;
  std::unique_ptr<LedgerGuard> guard;
};

}  // namespace modhost::host
