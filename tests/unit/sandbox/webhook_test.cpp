#include "sandbox/webhook.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "sandbox/deliverer.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/sandbox/receiver.h"

namespace modhost::sandbox {
namespace {

const Tenant kTenant{"101", "202"};

std::string headerIn(const std::vector<std::string>& headers, const std::string& name) {
  for (const std::string& line : headers) {
    if (line.starts_with(name + ": ")) return line.substr(name.size() + 2);
  }
  return "";
}

struct Fixture {
  host::SystemClock clock;
  ChatStore chats{":memory:", clock};
  Trace trace{":memory:", chats};
  Question question = *chats.ask(kTenant, "", "assistant", "Hello");

  DelivererSettings settings(const std::string& url) {
    return {url, "whsec_demo_secret", kTenant, host::Milliseconds(1), host::Milliseconds(10'000),
            2};
  }

  // The chat's only delivery, once it waits no more.
  Json settled() {
    Json view = *chats.view(question.chat_id, -1, clock.steadyNow());
    const host::SteadyTime end = clock.steadyNow() + std::chrono::minutes(1);
    while (view["deliveries"].empty() || view["deliveries"][0]["state"] == "waiting") {
      REQUIRE(clock.steadyNow() < end);
      view = *chats.view(question.chat_id, view["version"], end);
    }
    return view["deliveries"][0];
  }
};

}  // namespace

TEST_SUITE("sandbox webhook") {
  TEST_CASE("webhook: the signature is the contract's over the body alone") {
    const host::HmacKey secret("whsec_demo_secret");
    const host::WallTime now{std::chrono::seconds(1'767'225'600)};
    const WebhookEvent first{"evt_demo_1", "x", R"({"id":"evt_demo_1","object":"event"})"};
    const WebhookEvent second{"evt_demo_2", "x",
                              "{\"id\":\"evt_demo_2\",\"text\":\"Z\xC3\xBCrich\"}"};

    CHECK(headerIn(webhookHeaders(first, kTenant, secret, now), "X-Unique-Signature") ==
          "0eb3f2f36a2f8d5dfcf44ac04f8fbec8845c48a943c3a87d8cbc54bdf6d88e58");
    CHECK(headerIn(webhookHeaders(second, kTenant, secret, now), "X-Unique-Signature") ==
          "621c6bffaecafbb23575243d9906e9ea4e6948a7b9448d53bc52780074b47436");
    const auto headers = webhookHeaders(first, kTenant, secret, now);
    CHECK(headerIn(headers, "X-Unique-Id") == "evt_demo_1");
    CHECK(headerIn(headers, "X-Unique-Created-At") == "1767225600");
    CHECK(headerIn(headers, "X-Unique-Version") == "1.0.0");
    CHECK(headerIn(headers, "X-Unique-User-Id") == "101");
    CHECK(headerIn(headers, "X-Unique-Company-Id") == "202");
  }

  TEST_CASE("webhook: the chosen event names both messages as the platform does") {
    Fixture fixture;

    const WebhookEvent event = externalModuleChosen(fixture.question, kTenant, "rag-responder", {});

    const Json body = Json::parse(event.body);
    CHECK(body["id"] == event.id);
    CHECK(body["event"] == "unique.chat.external-module.chosen");
    CHECK(body["userId"] == "101");
    CHECK(body["companyId"] == "202");
    CHECK(body["payload"]["name"] == "rag-responder");
    CHECK(body["payload"]["chatId"] == fixture.question.chat_id);
    CHECK(body["payload"]["userMessage"]["text"] == "Hello");
    CHECK(body["payload"]["assistantMessage"]["id"] == fixture.question.assistant_message_id);
    CHECK(body["payload"]["metadataFilter"].is_null());
  }

  TEST_CASE("webhook: 2xx ends it and 3xx and 429 and 5xx are tried again and the rest expires") {
    for (const int status : {200, 202, 299}) CHECK(verdictOn(status) == Verdict::kDelivered);
    for (const int status : {0, 301, 302, 429, 500, 503})
      CHECK(verdictOn(status) == Verdict::kRetry);
    for (const int status : {100, 400, 401, 404, 408, 413}) {
      CHECK(verdictOn(status) == Verdict::kExpired);
    }
  }

  TEST_CASE("webhook: a delivery is tried until it is taken with the same body each time") {
    Receiver receiver({503, 429, 302});
    Fixture fixture;
    Deliverer deliverer(fixture.settings(receiver.url()), fixture.chats, fixture.trace,
                        fixture.clock);

    REQUIRE(deliverer.deliver(fixture.question.chat_id,
                              {userMessageCreated(fixture.question, kTenant, {})}));

    const Json delivery = fixture.settled();
    CHECK(delivery["state"] == "delivered");
    CHECK(delivery["tries"] == 4);
    CHECK(delivery["status"] == 200);
    const auto received = receiver.waitFor(4);
    CHECK(received.size() == 4);
    for (const Received& request : received) {
      CHECK(request.body == received[0].body);
      CHECK(request.headers.at("X-Unique-Signature") ==
            host::hex(host::HmacKey("whsec_demo_secret").sign(request.body)));
    }
  }

  TEST_CASE("webhook: after five retries the platform gives up") {
    Receiver receiver({}, 503);
    Fixture fixture;
    Deliverer deliverer(fixture.settings(receiver.url()), fixture.chats, fixture.trace,
                        fixture.clock);

    REQUIRE(deliverer.deliver(fixture.question.chat_id,
                              {userMessageCreated(fixture.question, kTenant, {})}));

    const Json delivery = fixture.settled();
    CHECK(delivery["state"] == "gave_up");
    CHECK(delivery["tries"] == 6);
    CHECK(receiver.waitFor(6).size() == 6);
  }

  TEST_CASE("webhook: a refused event expires after one try") {
    Receiver receiver({}, 400);
    Fixture fixture;
    Deliverer deliverer(fixture.settings(receiver.url()), fixture.chats, fixture.trace,
                        fixture.clock);

    REQUIRE(deliverer.deliver(fixture.question.chat_id,
                              {userMessageCreated(fixture.question, kTenant, {})}));

    const Json delivery = fixture.settled();
    CHECK(delivery["state"] == "expired");
    CHECK(delivery["tries"] == 1);
    CHECK(delivery["status"] == 400);
  }

  TEST_CASE("webhook: nobody listening is tried again and named") {
    Fixture fixture;
    Deliverer deliverer(fixture.settings("http://127.0.0.1:1/webhook"), fixture.chats,
                        fixture.trace, fixture.clock);

    REQUIRE(deliverer.deliver(fixture.question.chat_id,
                              {userMessageCreated(fixture.question, kTenant, {})}));

    const Json delivery = fixture.settled();
    CHECK(delivery["state"] == "gave_up");
    CHECK(delivery["tries"] == 6);
    CHECK(delivery["error"].get<std::string>().find("connect") != std::string::npos);
  }

  TEST_CASE("webhook: too many waiting events are refused and leave nothing behind") {
    Fixture fixture;
    DelivererSettings settings = fixture.settings("http://127.0.0.1:1/webhook");
    settings.threads = 0;  // nothing is ever taken
    Deliverer deliverer(settings, fixture.chats, fixture.trace, fixture.clock);
    const std::vector<WebhookEvent> too_many(kWaitingDeliveriesMax + 1, WebhookEvent{"e", "t", ""});

    CHECK_FALSE(deliverer.deliver(fixture.question.chat_id, too_many));
    CHECK((*fixture.chats.view(fixture.question.chat_id, -1, {}))["deliveries"].empty());
  }
}

}  // namespace modhost::sandbox
