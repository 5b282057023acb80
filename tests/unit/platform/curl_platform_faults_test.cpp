// What the client makes of a platform that is slow, rude, overloaded or gone.
#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <vector>

#include "tests/unit/platform/client.h"

namespace modhost::host {
namespace {

using Cut = CallScript::Cut;

constexpr char kCreate[] = R"({"messageId":"m_1","text":"t","status":"RUNNING","order":1})";

CallScript cutting(Cut cut) {
  CallScript script;
  script.cut = cut;
  return script;
}

CallScript answering(int status, const std::string& retry_after = "") {
  CallScript script;
  script.status = status;
  script.body = "{}";
  if (!retry_after.empty()) script.headers = {{"Retry-After", retry_after}};
  return script;
}

ErrorKind kindOf(const PlatformOutcome& outcome) {
  REQUIRE_FALSE(outcome.reply.ok());
  return outcome.reply.error().kind;
}

}  // namespace

TEST_SUITE("platform") {
  TEST_CASE("platform: a 5xx is tried three times and then is the reply") {
    RecordingPlatform server;
    server.script({}, answering(502));
    Client client(quickSettings(server.apiBase()));

    const PlatformOutcome outcome = client.run(client.request("POST", "/search/search", "{}"));

    REQUIRE(outcome.reply.ok());
    CHECK(outcome.reply.value().status == 502);
    CHECK(server.callCount() == 3);
    CHECK(outcome.unknown_tries == 0);
  }

  TEST_CASE("platform: a call succeeds when its third try does") {
    RecordingPlatform server;
    server.script({"", "", 1, ""}, answering(500));
    server.script({"", "", 2, ""}, cutting(Cut::kBeforeReading));
    Client client(quickSettings(server.apiBase()));

    const PlatformOutcome outcome = client.run(client.request("POST", "/search/search", "{}"));

    REQUIRE(outcome.reply.ok());
    CHECK(outcome.reply.value().status == 200);
    CHECK(server.callCount() == 3);
    CHECK(outcome.unknown_tries == 1);
  }

  TEST_CASE("platform: every kind of cut makes one try whose fate is unknown") {
    for (const Cut cut : {Cut::kBeforeReading, Cut::kAfterHandling, Cut::kMidReply}) {
      RecordingPlatform server;
      server.script({"", "/message-log", 1, ""}, cutting(cut));
      Client client(quickSettings(server.apiBase()));

      const PlatformOutcome outcome = client.run(client.request("POST", "/message-log", kCreate));

      REQUIRE(outcome.reply.ok());
      CHECK(outcome.reply.value().status == 201);
      CHECK(outcome.unknown_tries == 1);
      CHECK(server.callCount() == 2);
      CHECK(server.cutCreates() == (cut == Cut::kBeforeReading ? 0 : 1));
    }
  }

  // libcurl resends by itself when a kept connection dies under a request; a create would then
  // exist twice and nobody would know.
  TEST_CASE("platform: a kept connection that dies under a request hides no try") {
    RecordingPlatform server;
    server.script({"", "/message-log", 1, ""}, cutting(Cut::kAfterHandling));
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.retry.tries = 1;
    Client client(settings);
    REQUIRE(client.run(client.request("POST", "/search/search", "{}")).reply.ok());
    REQUIRE(server.accepts() == 1);

    const PlatformOutcome outcome = client.run(client.request("POST", "/message-log", kCreate));

    CHECK(kindOf(outcome) == ErrorKind::kUnavailable);
    CHECK(outcome.unknown_tries == 1);
    CHECK(server.callCount("POST", "/message-log") == 1);
  }

  TEST_CASE("platform: a refused connection is no unknown try") {
    std::string gone;
    {
      RecordingPlatform server;
      gone = server.apiBase();
    }
    Client client(quickSettings(gone));

    const PlatformOutcome outcome = client.run(client.request("POST", "/message-log", kCreate));

    CHECK(kindOf(outcome) == ErrorKind::kUnavailable);
    CHECK(outcome.unknown_tries == 0);
  }

  TEST_CASE("platform: error texts hold neither key nor path nor query nor body") {
    RecordingPlatform server;
    server.script({}, cutting(Cut::kAfterHandling));
    Client client(quickSettings(server.apiBase()));

    const PlatformOutcome outcome =
        client.run(client.request("POST", "/messages/m_1?chatId=c_1", R"({"text":"private"})"));

    REQUIRE_FALSE(outcome.reply.ok());
    for (const char* secret : {"key-of-the-test", "m_1", "c_1", "private", "127.0.0.1"}) {
      CHECK(outcome.reply.error().message.find(secret) == std::string::npos);
    }
    CHECK_FALSE(outcome.reply.error().message.empty());
  }

  TEST_CASE("platform: the deadline ends a call that is on the wire") {
    RecordingPlatform server;
    const auto hold = server.hold({});
    Client client(quickSettings(server.apiBase()));
    PlatformRequest request = client.request("POST", "/message-log", kCreate);
    request.deadline = client.now() + Milliseconds(5'000);  // time to get on the wire

    const PlatformOutcome outcome = client.run(request);

    CHECK(kindOf(outcome) == ErrorKind::kTimeout);
    CHECK(outcome.unknown_tries == 1);
    CHECK(server.callCount() == 1);
  }

  TEST_CASE("platform: a deadline that has passed sends nothing") {
    RecordingPlatform server;
    Client client(quickSettings(server.apiBase()));
    PlatformRequest request = client.request("POST", "/message-log", kCreate);
    request.deadline = client.now() - Milliseconds(1);

    const PlatformOutcome outcome = client.run(request);

    CHECK(kindOf(outcome) == ErrorKind::kTimeout);
    CHECK(outcome.unknown_tries == 0);
    CHECK(server.accepts() == 0);
  }

  TEST_CASE("platform: no try is begun that the deadline would not allow to wait for") {
    RecordingPlatform server;
    server.script({}, answering(500));
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.retry.backoff = settings.retry.backoff_max = std::chrono::minutes(5);
    Client client(settings);

    const PlatformOutcome outcome = client.run(client.request("POST", "/search/search", "{}"));

    REQUIRE(outcome.reply.ok());
    CHECK(outcome.reply.value().status == 500);
    CHECK(server.callCount() == 1);
  }

  TEST_CASE("platform: a try has a time of its own and another one follows") {
    RecordingPlatform server;
    const auto hold = server.hold({"", "/search", 1, ""});
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.try_timeout = Milliseconds(5'000);  // a slow machine needs some of it to connect
    Client client(settings);

    const PlatformOutcome outcome = client.run(client.request("POST", "/search/search", "{}"));

    REQUIRE(outcome.reply.ok());
    CHECK(outcome.unknown_tries == 1);
    CHECK(server.callCount() == 2);
  }

  TEST_CASE("platform: cancel ends a call on the wire and counts it as unknown") {
    RecordingPlatform server;
    const auto hold = server.hold({});
    Client client(quickSettings(server.apiBase()));
    Client::Started started = client.start(client.request("POST", "/message-log", kCreate));
    REQUIRE(hold->waitForArrivals());

    client.platform().cancel(started.id);

    const PlatformOutcome outcome = started.outcome.get();
    CHECK(kindOf(outcome) == ErrorKind::kCancelled);
    CHECK(outcome.unknown_tries == 1);
    CHECK(server.callCount() == 1);
  }

  TEST_CASE("platform: cancel ends a call that waits for a connection") {
    RecordingPlatform server;
    const auto hold = server.hold({});
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.connections_max = 1;
    Client client(settings);
    Client::Started first = client.start(client.request("POST", "/search/search", "{}"));
    REQUIRE(hold->waitForArrivals());
    Client::Started second = client.start(client.request("POST", "/message-log", kCreate));

    client.platform().cancel(second.id);

    const PlatformOutcome outcome = second.outcome.get();
    CHECK(kindOf(outcome) == ErrorKind::kCancelled);
    CHECK(outcome.unknown_tries == 0);
    hold->release();
    CHECK(first.outcome.get().reply.ok());
    CHECK(server.callCount("POST", "/message-log") == 0);
  }

  // A fenced attempt's write must not come out of a queue after what its closing has written.
  TEST_CASE("platform: a withdrawn call that waits for its company's pause never leaves") {
    RecordingPlatform server;
    server.script({"", "/first", 1, ""}, answering(429, "3600"));
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.retry.retry_after_max = std::chrono::minutes(10);
    Client client(settings);
    REQUIRE(client.run(client.request("POST", "/first", "{}")).reply.take().status == 429);
    Client::Started queued = client.start(client.request("POST", "/message-log", kCreate));

    client.platform().withdraw(queued.id);

    const PlatformOutcome outcome = queued.outcome.get();
    CHECK(kindOf(outcome) == ErrorKind::kCancelled);
    CHECK(outcome.unknown_tries == 0);
    CHECK(server.callCount("POST", "/message-log") == 0);
  }

  TEST_CASE("platform: a withdrawn call that waits for another try ends with its last one") {
    RecordingPlatform server;
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.retry.backoff = settings.retry.backoff_max = Milliseconds(30'000);
    SUBCASE("a gateway's answer, behind which it may have been done") {
      server.script({}, answering(504));
    }
    SUBCASE("none, as the connection was cut") { server.script({}, cutting(Cut::kAfterHandling)); }
    Client client(settings);
    Client::Started started = client.start(client.request("POST", "/message-log", kCreate));
    REQUIRE(server.waitFor([&] { return server.callCount() == 1; }));

    client.platform().withdraw(started.id);

    const PlatformOutcome outcome = started.outcome.get();
    const bool answered = outcome.reply.ok() && outcome.reply.value().status == 504;
    CHECK((answered || outcome.unknown_tries == 1));
    CHECK(server.callCount() == 1);
  }

  TEST_CASE("platform: a withdrawn call that is on the wire stays there and is not tried again") {
    RecordingPlatform server;
    CallScript slow = answering(503);
    const auto hold = server.hold({"", "/message-log", 2, ""});
    slow.hold = hold;
    server.script({"", "/message-log", 1, ""}, slow);
    Client client(quickSettings(server.apiBase()));
    Client::Started started = client.start(client.request("POST", "/message-log", kCreate));
    REQUIRE(hold->waitForArrivals());

    client.platform().withdraw(started.id);
    hold->release();

    CHECK(started.outcome.get().reply.take().status == 503);
    CHECK(server.callCount() == 1);
  }

  TEST_CASE("platform: a gateway's answer is not forgotten in a pause that outlasts the deadline") {
    RecordingPlatform server;
    CallScript gateway = answering(504);
    const auto hold = server.hold({"", "/message-log", 2, ""});
    gateway.hold = hold;
    server.script({"", "/message-log", 1, ""}, gateway);
    server.script({"", "/first", 1, ""}, answering(429, "3600"));
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.retry.retry_after_max = std::chrono::minutes(10);
    Client client(settings);
    PlatformRequest request = client.request("POST", "/message-log", kCreate);
    request.deadline = client.now() + Milliseconds(8'000);  // time for the 429 to come first
    Client::Started started = client.start(request);
    REQUIRE(hold->waitForArrivals());
    REQUIRE(client.run(client.request("POST", "/first", "{}")).reply.ok());

    hold->release();

    const PlatformOutcome outcome = started.outcome.get();
    REQUIRE(outcome.reply.ok());
    CHECK(outcome.reply.value().status == 504);
    CHECK(server.callCount("POST", "/message-log") == 1);
  }

  TEST_CASE("platform: cancel of a call that has ended does nothing") {
    RecordingPlatform server;
    Client client(quickSettings(server.apiBase()));
    Client::Started started = client.start(client.request("POST", "/search/search", "{}"));
    REQUIRE(started.outcome.get().reply.ok());

    client.platform().cancel(started.id);
    client.platform().cancel(987'654'321);

    CHECK(client.run(client.request("POST", "/search/search", "{}")).reply.ok());
  }

  TEST_CASE("platform: a 429 is tried again after Retry-After") {
    RecordingPlatform server;
    server.script({"", "", 1, ""}, answering(429, "1"));
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.retry.retry_after_max = Milliseconds(150);  // bounds the second that is asked for
    Client client(settings);

    const PlatformOutcome outcome = client.run(client.request("POST", "/search/search", "{}"));

    REQUIRE(outcome.reply.ok());
    CHECK(outcome.reply.value().status == 200);
    const auto calls = server.calls();
    REQUIRE(calls.size() == 2);
    CHECK(calls[1].at - calls[0].at >= Milliseconds(150));
  }

  TEST_CASE("platform: a 429 holds back its company and nobody else") {
    RecordingPlatform server;
    server.script({"", "/first", 1, ""}, answering(429, "3600"));
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.retry.retry_after_max = std::chrono::minutes(10);
    Client client(settings);
    const PlatformOutcome told = client.run(client.request("POST", "/first", "{}"));
    REQUIRE(told.reply.ok());
    REQUIRE(told.reply.value().status == 429);  // ten minutes are beyond its deadline

    PlatformRequest same = client.request("POST", "/search/search", "{}");
    same.deadline = client.now() + Milliseconds(100);
    PlatformRequest other = client.request("POST", "/search/search", "{}");
    other.company_id = "303";
    Client::Started paused = client.start(same);
    const PlatformOutcome free = client.run(other);

    CHECK(free.reply.ok());
    const PlatformOutcome late = paused.outcome.get();
    CHECK(kindOf(late) == ErrorKind::kTimeout);
    CHECK(late.unknown_tries == 0);
    CHECK(server.callCount("POST", "/search/search") == 1);
  }

  TEST_CASE("platform: a call with fewer tries is not repeated and still pauses its company") {
    RecordingPlatform server;
    server.script({"GET", "", 0, ""}, answering(429, "3600"));
    server.script({"POST", "/first", 0, ""}, answering(503));
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.retry.retry_after_max = std::chrono::minutes(10);
    Client client(settings);
    PlatformRequest once = client.request("POST", "/first", "{}");
    once.tries_max = 1;
    CHECK(client.run(once).reply.take().status == 503);
    CHECK(server.callCount() == 1);
    once = client.request("GET", "/messages/m_1");
    once.tries_max = 1;

    CHECK(client.run(once).reply.take().status == 429);

    CHECK(server.callCount() == 2);
    PlatformRequest next = client.request("POST", "/search/search", "{}");
    next.deadline = client.now() + Milliseconds(20);
    CHECK(kindOf(client.run(next)) == ErrorKind::kTimeout);
  }

  TEST_CASE("platform: companies take turns while calls wait for a connection") {
    RecordingPlatform server;
    const auto hold = server.hold({"", "/first", 0, ""});
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.connections_max = 1;
    Client client(settings);
    std::vector<Client::Started> started;
    started.push_back(client.start(client.request("POST", "/first", "{}")));
    REQUIRE(hold->waitForArrivals());
    for (int n = 0; n < 20; ++n) {
      started.push_back(client.start(client.request("POST", "/search/search", "{}")));
    }
    for (const char* company : {"303", "404"}) {
      PlatformRequest other = client.request("POST", "/search/search", "{}");
      other.company_id = company;
      started.push_back(client.start(other));
    }

    hold->release();
    for (Client::Started& one : started) CHECK(one.outcome.get().reply.ok());

    const auto calls = server.calls();
    REQUIRE(calls.size() == 23);
    std::set<std::string> first_three;
    for (std::size_t n = 1; n <= 3; ++n) first_three.insert(calls[n].headers.at("x-company-id"));
    CHECK(first_three == std::set<std::string>{"202", "303", "404"});
  }

  TEST_CASE("platform: calls of a paused company go on when the pause has passed") {
    RecordingPlatform server;
    server.script({"", "", 1, ""}, answering(429, "1"));
    Client client(quickSettings(server.apiBase()));
    Client::Started first = client.start(client.request("POST", "/search/search", "{}"));
    REQUIRE(server.waitFor([&] { return server.callCount() == 1; }));

    CHECK(client.run(client.request("POST", "/search/search", "{}")).reply.ok());
    CHECK(first.outcome.get().reply.ok());
  }

  TEST_CASE("platform: a reply above the limit is an error after one try") {
    RecordingPlatform server;
    CallScript big = answering(200);
    big.body = std::string(100'001, 'x');
    server.script({}, big);
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.reply_max_bytes = 100'000;
    Client client(settings);

    const PlatformOutcome outcome = client.run(client.request("POST", "/search/search", "{}"));

    CHECK(kindOf(outcome) == ErrorKind::kUnavailable);
    CHECK(outcome.reply.error().message.find("reply_max_bytes") != std::string::npos);
    CHECK(server.callCount() == 1);
  }

  TEST_CASE("platform: what is beyond waiting_max ends at once") {
    RecordingPlatform server;
    const auto hold = server.hold({});
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.connections_max = 1;
    settings.waiting_max = 2;
    Client client(settings);
    Client::Started on_wire = client.start(client.request("POST", "/search/search", "{}"));
    REQUIRE(hold->waitForArrivals());
    std::vector<Client::Started> waiting;
    for (int i = 0; i < 2; ++i) {
      waiting.push_back(client.start(client.request("POST", "/search/search", "{}")));
    }

    const PlatformOutcome outcome = client.run(client.request("POST", "/search/search", "{}"));

    CHECK(kindOf(outcome) == ErrorKind::kUnavailable);
    hold->release();
    CHECK(on_wire.outcome.get().reply.ok());
    for (Client::Started& one : waiting) CHECK(one.outcome.get().reply.ok());
  }

  TEST_CASE("platform: its end cancels every call and also those a callback orders") {
    RecordingPlatform server;
    const auto hold = server.hold({});
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.connections_max = 2;
    Client client(settings);
    auto ended = std::make_shared<std::atomic<int>>(0);
    const auto count = [ended](PlatformOutcome outcome) {
      if (!outcome.reply.ok() && outcome.reply.error().kind == ErrorKind::kCancelled) ++*ended;
    };
    CurlPlatform& platform = client.platform();
    const PlatformRequest request = client.request("POST", "/search/search", "{}");
    for (int i = 0; i < 4; ++i) platform.call(request, count);
    platform.call(request, [&platform, request, count](PlatformOutcome outcome) {
      count(std::move(outcome));
      platform.call(request, count);
    });
    REQUIRE(hold->waitForArrivals(2));

    client.destroyPlatform();

    CHECK(ended->load() == 6);
  }

  TEST_CASE("platform: a callback may order the next call") {
    RecordingPlatform server;
    Client client(quickSettings(server.apiBase()));
    std::promise<bool> second_ok;
    const PlatformRequest request = client.request("POST", "/search/search", "{}");

    client.platform().call(request, [&](PlatformOutcome) {
      client.platform().call(
          request, [&](PlatformOutcome outcome) { second_ok.set_value(outcome.reply.ok()); });
    });

    CHECK(second_ok.get_future().get());
  }
}

}  // namespace modhost::host
