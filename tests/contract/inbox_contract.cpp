// What every Inbox promises, run against each of them.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "host/base/mutex.h"
#include "tests/contract/inbox_means.h"
#include "tests/support/eventually.h"

namespace modhost::host {
namespace {

using To = Settlement::To;

// Waits for what an inbox tells on its own thread.
class Heard {
 public:
  void tell(const std::string& what) {
    MutexLock lock(mutex_);
    what_.push_back(what);
    changed_.notifyAll();
  }
  std::vector<std::string> waitFor(std::size_t count) {
    const auto limit = std::chrono::steady_clock::now() + kSafetyLimit;
    MutexLock lock(mutex_);
    while (what_.size() < count && std::chrono::steady_clock::now() < limit) {
      changed_.waitUntil(mutex_, limit);
    }
    return what_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> what_ GUARDED_BY(mutex_);
};

template <typename Means>
EventSeq accept(Means& means, const std::string& id, const std::vector<Target>& targets = {"a"}) {
  Result<Accepted> accepted =
      means.inbox().accept(eventNamed(id, means.clock().wallNow()), targets);
  REQUIRE(accepted.ok());
  return accepted.value().seq;
}

template <typename Means>
void acceptOf(Means& means, const std::string& company) {
  const std::string id = company + std::to_string(means.inbox().stats().take().events);
  const EventPtr event = eventNamed(id, means.clock().wallNow(), company);
  REQUIRE(means.inbox().accept(event, std::vector<Target>{"a"}).ok());
}

std::vector<EventSeq> takeSeqs(Inbox& inbox, std::size_t max) {
  std::vector<EventSeq> seqs;
  const std::vector<Delivery> taken = inbox.next("a", max).take();
  for (const Delivery& delivery : taken) seqs.push_back(delivery.key.seq);
  return seqs;
}

std::vector<EventSeq> sorted(std::vector<EventSeq> seqs) {
  std::sort(seqs.begin(), seqs.end());
  return seqs;
}

std::vector<EventSeq> takeAll(Inbox& inbox, const Target& target) {
  std::vector<EventSeq> seqs;
  for (;;) {
    Result<std::vector<Delivery>> page = inbox.next(target, 7);
    REQUIRE(page.ok());
    if (page.value().empty()) return seqs;
    for (const Delivery& delivery : page.value()) seqs.push_back(delivery.key.seq);
  }
}

Delivery takeOne(Inbox& inbox, const Target& target = "a") {
  Result<std::vector<Delivery>> page = inbox.next(target, 1);
  REQUIRE(page.ok());
  REQUIRE(page.value().size() == 1);
  return page.value().front();
}

void begin(Inbox& inbox, const DeliveryKey& key, bool in_process = false) {
  const std::vector<Begin> begins{{key, in_process}};
  REQUIRE(inbox.begin(begins).ok());
}

// Settles, and returns when that was committed.
void settle(Inbox& inbox, const DeliveryKey& key, To to, End end = End::kOk,
            const std::string& error = "") {
  inbox.settle({{key, to, end, {}, error}});
  REQUIRE(inbox.openDeliveries(key.seq).ok());
}

Result<void> recordAndWait(Inbox& inbox, std::vector<LedgerEntry> entries) {
  Heard heard;
  Result<void> outcome;
  inbox.record(std::move(entries), [&](Result<void> done) {
    outcome = std::move(done);
    heard.tell("done");
  });
  REQUIRE(heard.waitFor(1).size() == 1);
  return outcome;
}

Step stepOf(std::int64_t order, StepState state, const std::string& log_id = "",
            int ambiguous = 0) {
  return {{"msg_a", order, 0}, state, log_id, ambiguous};
}

std::vector<EventSeq> seqsOf(const EventPage& page) {
  std::vector<EventSeq> seqs;
  for (const EventView& event : page.events) seqs.push_back(event.seq);
  return seqs;
}

}  // namespace

TEST_SUITE("inbox contract") {
  TEST_CASE_TEMPLATE("inbox: accept numbers events in the order of acceptance", Means, MemoryMeans,
                     SqliteMeans) {
    Means means;

    const EventSeq one = accept(means, "one");
    const EventSeq two = accept(means, "two");

    CHECK(one < two);
    CHECK(means.inbox().stats().take().events == 2);
  }

  TEST_CASE_TEMPLATE("inbox: one company's flood is handed out in turn with the others", Means,
                     MemoryMeans, SqliteMeans) {
    MeansSettings settings;
    SUBCASE("from memory") {}
    SUBCASE("from disk") { settings.in_memory = 3; }
    SUBCASE("in the next process") { settings.in_memory = 0; }
    Means means(settings);
    for (int n = 1; n <= 300; ++n) acceptOf(means, "flood");
    acceptOf(means, "acme");   // 301
    acceptOf(means, "other");  // 302
    acceptOf(means, "acme");   // 303
    if (settings.in_memory == 0) means.restart();

    CHECK(sorted(takeSeqs(means.inbox(), 3)) == std::vector<EventSeq>{1, 301, 302});
    CHECK(sorted(takeSeqs(means.inbox(), 2)) == std::vector<EventSeq>{2, 303});
    const std::vector<EventSeq> rest = takeAll(means.inbox(), "a");
    CHECK(rest.size() == 298);
    CHECK(rest == sorted(rest));
  }

  TEST_CASE_TEMPLATE("inbox: accept reports a duplicate when the id was stored before", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    const EventSeq seq = accept(means, "one");
    const std::vector<Target> targets{"a"};

    Result<Accepted> while_open = means.inbox().accept(eventNamed("one", {}), targets);
    CHECK(takeAll(means.inbox(), "a").size() == 1);
    settle(means.inbox(), {seq, "a"}, To::kDone);
    Result<Accepted> when_done = means.inbox().accept(eventNamed("one", {}), targets);

    REQUIRE(!while_open.ok());
    CHECK(while_open.error().kind == ErrorKind::kDuplicate);
    REQUIRE(!when_done.ok());
    CHECK(when_done.error().kind == ErrorKind::kDuplicate);
    CHECK(takeAll(means.inbox(), "a").empty());
  }

  TEST_CASE_TEMPLATE("inbox: a full inbox refuses new events but still knows duplicates", Means,
                     MemoryMeans, SqliteMeans) {
    Means means(MeansSettings{.waiting_max = 2});
    const EventSeq seq = accept(means, "one");
    accept(means, "two");
    const std::vector<Target> targets{"a"};

    Result<Accepted> third = means.inbox().accept(eventNamed("three", {}), targets);
    Result<Accepted> again = means.inbox().accept(eventNamed("one", {}), targets);
    settle(means.inbox(), {seq, "a"}, To::kDone);
    Result<Accepted> with_room = means.inbox().accept(eventNamed("three", {}), targets);

    REQUIRE(!third.ok());
    CHECK(third.error().kind == ErrorKind::kFull);
    REQUIRE(!again.ok());
    CHECK(again.error().kind == ErrorKind::kDuplicate);
    CHECK(with_room.ok());
  }

  TEST_CASE_TEMPLATE("inbox: next hands out each delivery once per process and in order", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    std::vector<EventSeq> accepted;
    for (int i = 0; i < 20; ++i) {
      accepted.push_back(accept(means, "e" + std::to_string(i), {"a", "b"}));
    }

    CHECK(takeAll(means.inbox(), "a") == accepted);
    CHECK(takeAll(means.inbox(), "a").empty());
    CHECK(takeAll(means.inbox(), "b") == accepted);
    CHECK(takeAll(means.inbox(), "c").empty());
  }

  TEST_CASE_TEMPLATE("inbox: a delivery is inherited when an earlier process accepted it", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    accept(means, "one");
    accept(means, "two");
    CHECK_FALSE(takeOne(means.inbox()).inherited);
    means.clock().jumpWall(-std::chrono::hours(1));
    means.restart();
    accept(means, "three");

    CHECK(takeOne(means.inbox()).inherited);
    CHECK(takeOne(means.inbox()).inherited);
    CHECK_FALSE(takeOne(means.inbox()).inherited);
  }

  TEST_CASE_TEMPLATE("inbox: a delivery that is paged in is not inherited by that", Means,
                     MemoryMeans, SqliteMeans) {
    MeansSettings settings;
    settings.in_memory = 0;
    Means means(settings);
    accept(means, "one");

    CHECK_FALSE(takeOne(means.inbox()).inherited);
  }

  TEST_CASE_TEMPLATE("inbox: a delivery carries its event", Means, MemoryMeans, SqliteMeans) {
    Means means;
    accept(means, "one");
    SUBCASE("fresh") {}
    SUBCASE("after a restart") { means.restart(); }

    const Delivery delivery = takeOne(means.inbox());

    CHECK(delivery.event->id == "one");
    CHECK(delivery.event->body == chosenEventBody("one"));
    CHECK(delivery.event->chat_id == "chat_aa11");
    CHECK(delivery.event->received_at == means.clock().wallNow());
    CHECK(delivery.answer_from == means.clock().wallNow());
    CHECK(!delivery.begun);
  }

  TEST_CASE_TEMPLATE("inbox: a delivery carries its sender's trace", Means, MemoryMeans,
                     SqliteMeans) {
    Means means;
    const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const auto parsed = parseEvent(chosenEventBody("one"), means.clock().wallNow(), trace).take();
    REQUIRE(means.inbox().accept(parsed.event, std::vector<Target>{"a"}).ok());
    accept(means, "two");
    SUBCASE("fresh") {}
    SUBCASE("after a restart") { means.restart(); }

    CHECK(takeOne(means.inbox()).event->traceparent == trace);
    CHECK(takeOne(means.inbox()).event->traceparent.empty());
  }

  TEST_CASE_TEMPLATE("inbox: ready is told for each target of an accepted event", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    Heard heard;
    means.inbox().onReady([&](const Target& target) { heard.tell(target); });

    accept(means, "one", {"a", "b"});

    CHECK(heard.waitFor(2) == std::vector<std::string>{"a", "b"});
  }

  TEST_CASE_TEMPLATE("inbox: an event without targets is only remembered", Means, MemoryMeans,
                     SqliteMeans) {
    Means means;
    const EventSeq seq = accept(means, "one", {});

    CHECK(means.inbox().openDeliveries(seq).take() == 0);
    CHECK(!means.letters().body(seq).ok());
    CHECK(means.inbox().stats().take().events == 1);
  }

  TEST_CASE_TEMPLATE("inbox: begin counts the attempt and refuses what is not waiting", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    const DeliveryKey one{accept(means, "one"), "a"};
    const DeliveryKey two{accept(means, "two"), "a"};
    begin(means.inbox(), one);

    const std::vector<Begin> both{{two, false}, {one, false}};
    Result<void> refused = means.inbox().begin(both);

    REQUIRE(!refused.ok());
    CHECK(refused.error().kind == ErrorKind::kInvalid);
    CHECK(means.inbox().stats().take().running == 1);
    CHECK(means.inbox().stats().take().waiting == 1);
  }

  TEST_CASE_TEMPLATE("inbox: how a delivery is settled decides what the next process sees", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    const DeliveryKey key{accept(means, "one"), "a"};
    begin(means.inbox(), key);
    int attempts = 0;
    int interruptions = 0;
    WallTime due{};
    SUBCASE("retry counts the attempt and keeps its time") {
      due = means.clock().wallNow() + std::chrono::seconds(5);
      means.inbox().settle({{key, To::kRetry, End::kFailed, due, "it threw"}});
      attempts = 1;
    }
    SUBCASE("an interruption counts as such") {
      settle(means.inbox(), key, To::kInterrupted, End::kInterrupted);
      interruptions = 1;
    }
    SUBCASE("a hand-back counts nothing") { settle(means.inbox(), key, To::kHandBack); }
    SUBCASE("no settlement counts nothing") {}
    means.restart();

    const Delivery delivery = takeOne(means.inbox());

    CHECK(delivery.attempts == attempts);
    CHECK(delivery.interruptions == interruptions);
    CHECK(delivery.due == due);
    CHECK(delivery.begun);
    CHECK(!delivery.closing);
  }

  TEST_CASE_TEMPLATE("inbox: a retry is not handed out again in the same process", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    accept(means, "one");
    const Delivery delivery = takeOne(means.inbox());
    begin(means.inbox(), delivery.key);

    settle(means.inbox(), delivery.key, To::kRetry, End::kFailed);

    CHECK(takeAll(means.inbox(), "a").empty());
    begin(means.inbox(), delivery.key);
    CHECK(means.inbox().stats().take().running == 1);
  }

  TEST_CASE_TEMPLATE("inbox: closing survives a restart and is never begun again", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    const DeliveryKey key{accept(means, "one"), "a"};
    begin(means.inbox(), key);
    settle(means.inbox(), key, To::kClosing, End::kOverran);
    SUBCASE("as settled") {}
    SUBCASE("handed back at a drain") { settle(means.inbox(), key, To::kHandBack); }
    means.restart();

    const Delivery delivery = takeOne(means.inbox());
    const std::vector<Begin> begins{{key, false}};

    REQUIRE(delivery.closing.has_value());
    CHECK(*delivery.closing == End::kOverran);
    CHECK(!means.inbox().begin(begins).ok());
    CHECK(means.inbox().stats().take().closing == 1);
  }

  TEST_CASE_TEMPLATE("inbox: a delivery that took the host down three times in a row is given up",
                     Means, MemoryMeans, SqliteMeans) {
    Means means;
    const DeliveryKey key{accept(means, "one"), "a"};
    for (int exits = 0; exits < kUncleanExitsMax; ++exits) {
      CHECK(!takeOne(means.inbox()).closing);
      begin(means.inbox(), key, true);
      means.restart();
    }

    const Delivery delivery = takeOne(means.inbox());

    REQUIRE(delivery.closing.has_value());
    CHECK(*delivery.closing == End::kInterrupted);
    settle(means.inbox(), key, To::kDead, End::kInterrupted);
    const DeadLetter letter = means.letters().deadLetters(0, 10).take().at(0);
    REQUIRE(letter.records.size() == 1);
    CHECK(letter.records[0].error == givenUpWhy("a"));
  }

  TEST_CASE_TEMPLATE("inbox: a hand-back ends the row of unclean exits", Means, MemoryMeans,
                     SqliteMeans) {
    Means means;
    const DeliveryKey key{accept(means, "one"), "a"};
    for (int exits = 0; exits < kUncleanExitsMax + 1; ++exits) {
      begin(means.inbox(), key, true);
      means.restart();
      if (exits != 1) continue;
      begin(means.inbox(), key, true);
      settle(means.inbox(), key, To::kHandBack);
    }

    CHECK(!takeOne(means.inbox()).closing);
  }

  TEST_CASE_TEMPLATE("inbox: exits of the host are not held against work in a worker", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    const DeliveryKey key{accept(means, "one"), "a"};
    for (int exits = 0; exits < kUncleanExitsMax + 1; ++exits) {
      begin(means.inbox(), key, false);
      means.restart();
    }

    CHECK(!takeOne(means.inbox()).closing);
  }

  TEST_CASE_TEMPLATE("inbox: open deliveries are counted after every settle made before", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    const EventSeq seq = accept(means, "one", {"a", "b", "c"});

    means.inbox().settle({{{seq, "a"}, To::kDone, End::kOk, {}, ""}});
    CHECK(means.inbox().openDeliveries(seq).take() == 2);
    means.inbox().settle({{{seq, "b"}, To::kClosing, End::kFailed, {}, "it threw"}});
    CHECK(means.inbox().openDeliveries(seq).take() == 2);
    means.inbox().settle(
        {{{seq, "b"}, To::kDead, End::kFailed, {}, ""}, {{seq, "c"}, To::kDone, End::kOk, {}, ""}});
    CHECK(means.inbox().openDeliveries(seq).take() == 0);
  }

  TEST_CASE_TEMPLATE("inbox: open targets are those with deliveries neither done nor dead", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    const EventSeq seq = accept(means, "one", {"a", "b", "c", "d"});
    begin(means.inbox(), {seq, "c"});

    settle(means.inbox(), {seq, "a"}, To::kDone);
    settle(means.inbox(), {seq, "b"}, To::kDead, End::kRejected);
    settle(means.inbox(), {seq, "d"}, To::kClosing, End::kFailed);

    CHECK(means.inbox().openTargets().take() == std::vector<Target>{"c", "d"});
  }

  TEST_CASE_TEMPLATE("inbox: the body goes when the last delivery is done", Means, MemoryMeans,
                     SqliteMeans) {
    Means means;
    const EventSeq seq = accept(means, "one", {"a", "b"});

    settle(means.inbox(), {seq, "a"}, To::kDone);
    CHECK(means.letters().body(seq).take() == chosenEventBody("one"));
    settle(means.inbox(), {seq, "b"}, To::kDone);
    CHECK(!means.letters().body(seq).ok());
    CHECK(means.inbox().stats().take().done == 2);
  }

  TEST_CASE_TEMPLATE("inbox: the ledger gives back what was recorded", Means, MemoryMeans,
                     SqliteMeans) {
    Means means;
    const DeliveryKey key{accept(means, "one", {"a", "b"}), "a"};
    const DeliveryKey other{key.seq, "b"};
    REQUIRE(recordAndWait(means.inbox(), {{key, stepOf(1, StepState::kIntended), std::nullopt},
                                          {key, stepOf(2, StepState::kIntended), std::nullopt}})
                .ok());
    REQUIRE(recordAndWait(means.inbox(),
                          {{key, stepOf(1, StepState::kOpen, "log_1", 1), AnswerState::kIntended}})
                .ok());
    SUBCASE("in the same process") {}
    SUBCASE("in the next") { means.restart(); }

    const Ledger ledger = means.inbox().ledger(key).take();
    const Ledger of_other = means.inbox().ledger(other).take();

    REQUIRE(ledger.steps.size() == 2);
    CHECK(ledger.steps[0].state == StepState::kOpen);
    CHECK(ledger.steps[0].log_id == "log_1");
    CHECK(ledger.steps[0].ambiguous == 1);
    CHECK(ledger.steps[1].key.order == 2);
    CHECK(ledger.answer == AnswerState::kIntended);
    CHECK(of_other.steps.empty());
    CHECK(of_other.answer == AnswerState::kIntended);
  }

  TEST_CASE_TEMPLATE("inbox: the ledger shows every record made before it was asked", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    const DeliveryKey key{accept(means, "one"), "a"};
    for (int order = 1; order <= 50; ++order) {
      means.inbox().record({{key, stepOf(order, StepState::kOpen), std::nullopt}}, nullptr);
      CHECK(std::ssize(means.inbox().ledger(key).take().steps) == order);
    }
  }

  TEST_CASE_TEMPLATE("inbox: nothing is recorded for a delivery that is not open", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    const DeliveryKey key{accept(means, "one", {"a", "b"}), "a"};
    settle(means.inbox(), key, To::kDone);

    Result<void> late =
        recordAndWait(means.inbox(), {{{key.seq, "b"}, stepOf(1, StepState::kOpen), std::nullopt},
                                      {key, stepOf(1, StepState::kOpen), std::nullopt}});

    REQUIRE(!late.ok());
    CHECK(late.error().kind == ErrorKind::kInvalid);
    CHECK(means.inbox().ledger(key).take().steps.empty());
    CHECK(means.inbox().ledger({key.seq, "b"}).take().steps.empty());
  }

  TEST_CASE_TEMPLATE("inbox: ambiguous creates are counted beyond the ledger", Means, MemoryMeans,
                     SqliteMeans) {
    Means means;
    const DeliveryKey key{accept(means, "one"), "a"};
    REQUIRE(recordAndWait(means.inbox(), {{key, stepOf(1, StepState::kIntended, "", 1), {}}}).ok());
    REQUIRE(recordAndWait(means.inbox(), {{key, stepOf(1, StepState::kOpen, "log", 3), {}}}).ok());

    settle(means.inbox(), key, To::kDone);
    means.restart();

    CHECK(means.inbox().ledger(key).take().steps.empty());
    CHECK(means.inbox().stats().take().ambiguous_creates == 3);
  }

  TEST_CASE_TEMPLATE("inbox: what is parked becomes a dead letter with its body", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    Event event;
    event.body = "not json";
    event.id = bodyId(event.body);
    event.received_at = means.clock().wallNow();

    REQUIRE(means.inbox().park(event, kParkedTarget, "not a JSON object").ok());
    Result<Accepted> again = means.inbox().park(event, kParkedTarget, "not a JSON object");

    REQUIRE(!again.ok());
    CHECK(again.error().kind == ErrorKind::kDuplicate);
    const std::vector<DeadLetter> letters = means.letters().deadLetters(0, 10).take();
    REQUIRE(letters.size() == 1);
    CHECK(letters[0].key.target == kParkedTarget);
    CHECK(letters[0].event_id == event.id);
    CHECK(letters[0].why == "not a JSON object");
    CHECK(letters[0].end == End::kRejected);
    CHECK(means.letters().body(letters[0].key.seq).take() == "not json");
    CHECK(means.inbox().stats().take().dead == 1);
    const std::vector<Target> targets{"a"};
    CHECK(!means.letters().replay(letters[0].key, targets).ok());
  }

  TEST_CASE_TEMPLATE("inbox: a dead letter keeps the record of its bad attempts", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    const DeliveryKey key{accept(means, "one"), "a"};
    for (int attempt = 1; attempt <= kAttemptRecordsMax + 2; ++attempt) {
      begin(means.inbox(), key);
      settle(means.inbox(), key, To::kRetry, End::kFailed, "failed " + std::to_string(attempt));
    }
    begin(means.inbox(), key);

    settle(means.inbox(), key, To::kDead, End::kOverran, "too late");

    const std::vector<DeadLetter> letters = means.letters().deadLetters(0, 10).take();
    REQUIRE(letters.size() == 1);
    CHECK(letters[0].end == End::kOverran);
    CHECK(letters[0].why == "too late");
    CHECK(letters[0].attempts == kAttemptRecordsMax + 3);
    REQUIRE(std::ssize(letters[0].records) == kAttemptRecordsMax);
    CHECK(letters[0].records.front().error == "failed 4");
    CHECK(letters[0].records.back().error == "too late");
    CHECK(letters[0].records.back().attempt == kAttemptRecordsMax + 3);
  }

  // A dead letter showed its one attempt twice: once of entering closing and once of leaving it.
  TEST_CASE_TEMPLATE("inbox: an attempt whose chat was closed is recorded once", Means, MemoryMeans,
                     SqliteMeans) {
    Means means;
    const DeliveryKey key{accept(means, "one"), "a"};
    begin(means.inbox(), key);
    settle(means.inbox(), key, To::kRetry, End::kFailed, "it threw");
    begin(means.inbox(), key);
    settle(means.inbox(), key, To::kClosing, End::kFailed, "it threw");

    settle(means.inbox(), key, To::kDead, End::kFailed, "it threw");

    const std::vector<DeadLetter> letters = means.letters().deadLetters(0, 10).take();
    REQUIRE(letters.at(0).records.size() == 2);
    CHECK(letters[0].records[0].attempt == 1);
    CHECK(letters[0].records[1].attempt == 2);
  }

  TEST_CASE_TEMPLATE("inbox: dead letters are listed in the order of dying", Means, MemoryMeans,
                     SqliteMeans) {
    Means means;
    const EventSeq one = accept(means, "one");
    const EventSeq two = accept(means, "two");
    settle(means.inbox(), {two, "a"}, To::kDead, End::kRejected);
    settle(means.inbox(), {one, "a"}, To::kDead, End::kRejected);

    const std::vector<DeadLetter> first = means.letters().deadLetters(0, 1).take();
    const std::vector<DeadLetter> rest = means.letters().deadLetters(first.at(0).number, 10).take();

    CHECK(first.at(0).key.seq == two);
    REQUIRE(rest.size() == 1);
    CHECK(rest[0].key.seq == one);
  }

  TEST_CASE_TEMPLATE("inbox: a replayed dead letter is handed out again as new but for its ledger",
                     Means, MemoryMeans, SqliteMeans) {
    Means means;
    const DeliveryKey key{accept(means, "one"), "a"};
    (void)takeOne(means.inbox());
    begin(means.inbox(), key);
    REQUIRE(recordAndWait(means.inbox(), {{key, stepOf(1, StepState::kOpen, "log_1"), {}}}).ok());
    settle(means.inbox(), key, To::kDead, End::kFailed, "it threw");
    accept(means, "two");
    means.clock().advance(std::chrono::hours(1));

    REQUIRE(means.letters().replay(key, {}).ok());
    SUBCASE("in the same process") {}
    SUBCASE("in the next") { means.restart(); }
    const Delivery delivery = takeOne(means.inbox());

    CHECK(delivery.key == key);
    CHECK(delivery.attempts == 0);
    CHECK(delivery.begun);
    CHECK(delivery.answer_from == means.clock().wallNow());
    CHECK(means.inbox().ledger(key).take().steps.size() == 1);
    CHECK(takeAll(means.inbox(), "a").size() == 1);
    CHECK(means.letters().deadLetters(0, 10).take().empty());
    CHECK(!means.letters().replay(key, {}).ok());
  }

  TEST_CASE_TEMPLATE("inbox: an unrouted event is replayed for the targets it is given", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    const EventPtr event = eventNamed("one", means.clock().wallNow());
    const EventSeq seq = means.inbox().park(*event, kUnroutedTarget, "no route").take().seq;
    const std::vector<Target> targets{"a", "b"};

    CHECK(!means.letters().replay({seq, kUnroutedTarget}, {}).ok());
    REQUIRE(means.letters().replay({seq, kUnroutedTarget}, targets).ok());

    CHECK(takeAll(means.inbox(), "a") == std::vector<EventSeq>{seq});
    CHECK(takeAll(means.inbox(), "b") == std::vector<EventSeq>{seq});
    CHECK(means.inbox().openDeliveries(seq).take() == 2);
  }

  TEST_CASE_TEMPLATE("inbox: a dropped dead letter takes its body along", Means, MemoryMeans,
                     SqliteMeans) {
    Means means;
    const DeliveryKey key{accept(means, "one"), "a"};
    settle(means.inbox(), key, To::kDead, End::kRejected);
    CHECK(means.letters().body(key.seq).ok());

    REQUIRE(means.letters().drop(key).ok());

    CHECK(!means.letters().body(key.seq).ok());
    CHECK(!means.letters().drop(key).ok());
    CHECK(means.inbox().stats().take().dead == 0);
  }

  TEST_CASE_TEMPLATE("inbox: a page shows open and dead deliveries by event and the newest first",
                     Means, MemoryMeans, SqliteMeans) {
    Means means;
    const EventSeq one = accept(means, "one", {"a", "b"});
    const EventSeq two = accept(means, "two");
    const EventSeq three = accept(means, "three");
    begin(means.inbox(), {one, "b"});
    settle(means.inbox(), {one, "a"}, To::kDead, End::kOverran, "too late");
    settle(means.inbox(), {two, "a"}, To::kDone);

    const EventPage page = means.letters().page({}).take();

    CHECK(seqsOf(page) == std::vector<EventSeq>{three, one});
    CHECK(page.next == 0);
    const EventView& event = page.events.at(1);
    CHECK(event.id == "one");
    CHECK(event.received_at == means.clock().wallNow());
    REQUIRE(event.deliveries.size() == 2);
    CHECK(event.deliveries[0].target == "a");
    CHECK(event.deliveries[0].state == DeliveryState::kDead);
    CHECK(event.deliveries[0].end == End::kOverran);
    CHECK(event.deliveries[0].why == "too late");
    CHECK(event.deliveries[0].died_at == means.clock().wallNow());
    CHECK(event.deliveries[1].target == "b");
    CHECK(event.deliveries[1].state == DeliveryState::kRunning);
    CHECK(event.deliveries[1].attempts == 1);
    CHECK(event.deliveries[1].end == std::nullopt);
  }

  TEST_CASE_TEMPLATE("inbox: pages follow each other in either order without gap or repetition",
                     Means, MemoryMeans, SqliteMeans) {
    Means means;
    std::vector<EventSeq> all;
    for (int n = 0; n < 7; ++n) {
      all.push_back(accept(means, std::to_string(n), {"a", "b"}));
      if (n % 2 == 0) settle(means.inbox(), {all.back(), "b"}, To::kDead, End::kFailed);
    }
    EventQuery query;
    query.max = 3;
    SUBCASE("oldest first") { query.oldest_first = true; }
    SUBCASE("newest first") { std::reverse(all.begin(), all.end()); }

    std::vector<EventSeq> seen;
    int pages = 0;
    do {
      const EventPage page = means.letters().page(query).take();
      for (const EventView& event : page.events) {
        seen.push_back(event.seq);
        CHECK(event.deliveries.size() == 2);
      }
      query.after = page.next;
      ++pages;
    } while (query.after != 0);

    CHECK(seen == all);
    CHECK(pages == 3);
  }

  TEST_CASE_TEMPLATE("inbox: a page holds only what its query asks for", Means, MemoryMeans,
                     SqliteMeans) {
    Means means;
    const WallTime start = means.clock().wallNow();
    const EventSeq waiting = accept(means, "waiting", {"a", "b"});
    means.clock().advance(std::chrono::minutes(1));
    const EventSeq running = accept(means, "running", {"a"});
    begin(means.inbox(), {running, "a"});
    means.clock().advance(std::chrono::minutes(1));
    const EventSeq closing = accept(means, "closing", {"b"});
    begin(means.inbox(), {closing, "b"});
    settle(means.inbox(), {closing, "b"}, To::kClosing, End::kInterrupted, "it died");
    const EventSeq dead = accept(means, "dead", {"a"});
    settle(means.inbox(), {dead, "a"}, To::kDead, End::kFailed, "it threw");
    const auto found = [&](const EventQuery& query) {
      return seqsOf(means.letters().page(query).take());
    };
    using Seqs = std::vector<EventSeq>;
    EventQuery query;

    SUBCASE("by state") {
      query.state = DeliveryState::kWaiting;
      CHECK(found(query) == Seqs{waiting});
      query.state = DeliveryState::kRunning;
      CHECK(found(query) == Seqs{running});
      query.state = DeliveryState::kClosing;
      CHECK(found(query) == Seqs{closing});
      query.state = DeliveryState::kDead;
      CHECK(found(query) == Seqs{dead});
    }
    SUBCASE("by end") {
      query.end = End::kInterrupted;
      CHECK(found(query) == Seqs{closing});
      query.end = End::kFailed;
      CHECK(found(query) == Seqs{dead});
      query.end = End::kOk;
      CHECK(found(query).empty());
    }
    SUBCASE("by target") {
      query.target = "b";
      CHECK(found(query) == Seqs{closing, waiting});
      CHECK(means.letters().page(query).take().events.at(1).deliveries.size() == 1);
      query.target = "nobody";
      CHECK(found(query).empty());
    }
    SUBCASE("by age") {
      query.received_from = start + std::chrono::minutes(1);
      CHECK(found(query) == Seqs{dead, closing, running});
      query.received_until = start + std::chrono::minutes(2);
      CHECK(found(query) == Seqs{running});
    }
    SUBCASE("by all together") {
      query.state = DeliveryState::kDead;
      query.target = "a";
      query.end = End::kFailed;
      query.received_from = start;
      CHECK(found(query) == Seqs{dead});
      query.received_until = start;
      CHECK(found(query).empty());
    }
  }

  TEST_CASE_TEMPLATE("inbox: the story of an event tells attempts and steps and answer", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    const DeliveryKey key{accept(means, "one", {"a", "b"}), "a"};
    begin(means.inbox(), key);
    REQUIRE(recordAndWait(means.inbox(),
                          {{key, stepOf(1, StepState::kFailed, "log_1"), AnswerState::kApologised}})
                .ok());
    settle(means.inbox(), key, To::kRetry, End::kFailed, "first");
    begin(means.inbox(), key);
    settle(means.inbox(), key, To::kDead, End::kOverran, "second");

    const EventSeq seq = means.letters().seqOf("one").take();
    const EventStory story = means.letters().story(seq).take();

    CHECK(seq == key.seq);
    CHECK(story.seq == seq);
    CHECK(story.id == "one");
    CHECK(story.received_at == means.clock().wallNow());
    CHECK(story.type == "unique.chat.external-module.chosen");
    CHECK(story.company_id == "202");
    CHECK(story.user_id == "101");
    CHECK(story.chat_id == "chat_aa11");
    CHECK(story.answer == AnswerState::kApologised);
    CHECK(story.body_bytes == means.letters().body(seq).take().size());
    REQUIRE(story.deliveries.size() == 2);
    const DeliveryStory& dead = story.deliveries[0];
    CHECK(dead.view.target == "a");
    CHECK(dead.view.state == DeliveryState::kDead);
    CHECK(dead.view.why == "second");
    REQUIRE(dead.records.size() == 2);
    CHECK(dead.records[0].attempt == 1);
    CHECK(dead.records[0].error == "first");
    CHECK(dead.records[1].end == End::kOverran);
    REQUIRE(dead.steps.size() == 1);
    CHECK(dead.steps[0].log_id == "log_1");
    CHECK(dead.steps[0].state == StepState::kFailed);
    CHECK(story.deliveries[1].view.state == DeliveryState::kWaiting);
    CHECK(story.deliveries[1].records.empty());
  }

  TEST_CASE_TEMPLATE("inbox: of an event that ended the story keeps no body and no delivery", Means,
                     MemoryMeans, SqliteMeans) {
    Means means;
    const DeliveryKey key{accept(means, "one"), "a"};
    settle(means.inbox(), key, To::kDone);
    REQUIRE(means.inbox().openDeliveries(key.seq).take() == 0);

    const EventStory story = means.letters().story(key.seq).take();

    CHECK(story.id == "one");
    CHECK(story.deliveries.empty());
    CHECK(story.body_bytes == std::nullopt);
    CHECK(story.type.empty());
    CHECK(!means.letters().story(key.seq + 1).ok());
    CHECK(!means.letters().seqOf("two").ok());
  }
}

}  // namespace modhost::host
