// What a call looks like on the wire, and what its caller gets.
#include "host/platform/curl_platform.h"

#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "host/base/startup_error.h"
#include "tests/unit/platform/client.h"

namespace modhost::host {
namespace {

constexpr char kSearch[] = R"({"searchString":"fees","searchType":"COMBINED","limit":3})";

CallScript answering(int status, const std::string& body = "{}") {
  CallScript script;
  script.status = status;
  script.body = body;
  return script;
}

}  // namespace

TEST_SUITE("platform") {
  TEST_CASE("platform: a call carries the contract's headers and its body as it is") {
    RecordingPlatform server;
    Client client(quickSettings(server.apiBase()));

    const PlatformOutcome outcome = client.run(client.request("POST", "/search/search", kSearch));

    REQUIRE(outcome.reply.ok());
    CHECK(outcome.reply.value().status == 200);
    CHECK(nlohmann::json::parse(outcome.reply.value().body).size() == 3);
    CHECK(outcome.unknown_tries == 0);
    const std::vector<RecordedCall> calls = server.calls();
    REQUIRE(calls.size() == 1);
    CHECK(calls[0].method == "POST");
    CHECK(calls[0].path == "/search/search");
    CHECK(calls[0].body == kSearch);
    const auto& headers = calls[0].headers;
    CHECK(headers.at("authorization") == "Bearer key-of-the-test");
    CHECK(headers.at("x-app-id") == "app_1");
    CHECK(headers.at("x-user-id") == "101");
    CHECK(headers.at("x-company-id") == "202");
    CHECK(headers.at("x-api-version") == "2023-12-06");
    CHECK(headers.at("content-type") == "application/json");
    CHECK(headers.at("user-agent") == std::string("modhost/") + MODHOST_VERSION);
    CHECK(headers.count("expect") == 0);
  }

  TEST_CASE("platform: a GET has no body and keeps its query") {
    RecordingPlatform server;
    Client client(quickSettings(server.apiBase() + "/"));

    const PlatformOutcome outcome = client.run(client.request("GET", "/messages/m_1?chatId=c+1"));

    REQUIRE(outcome.reply.ok());
    const RecordedCall call = server.calls().at(0);
    CHECK(call.method == "GET");
    CHECK(call.path == "/messages/m_1");
    CHECK(call.query == "chatId=c+1");
    CHECK(call.body.empty());
    CHECK(call.headers.at("content-type") == "application/json");
  }

  TEST_CASE("platform: PATCH PUT and DELETE keep their names") {
    RecordingPlatform server;
    Client client(quickSettings(server.apiBase()));

    for (const char* method : {"PATCH", "PUT", "DELETE"}) {
      const std::string body = std::string(method) == "DELETE" ? "" : R"({"a":1})";
      const PlatformOutcome outcome = client.run(client.request(method, "/messages/m_1", body));

      REQUIRE(outcome.reply.ok());
      const RecordedCall call = server.calls().back();
      CHECK(call.method == method);
      CHECK(call.body == body);
    }
  }

  TEST_CASE("platform: a body of several megabytes is not held up by Expect") {
    RecordingPlatform server;
    Client client(quickSettings(server.apiBase()));
    const std::string body = R"({"text":")" + std::string(3'000'000, 'x') + R"("})";

    REQUIRE(client.run(client.request("POST", "/messages", body)).reply.ok());

    CHECK(server.calls().at(0).headers.count("expect") == 0);
    CHECK(server.calls().at(0).body == body);
  }

  TEST_CASE("platform: statuses that are no passing fault are replies after one try") {
    RecordingPlatform server;
    Client client(quickSettings(server.apiBase()));

    for (const int status : {302, 400, 401, 403, 404, 409}) {
      CallScript script = answering(status, R"({"error":"no"})");
      script.headers = {{"Location", server.apiBase() + "/messages"}};
      server.script({"", "/x", 0, ""}, script);
      const std::size_t before = server.callCount();

      const PlatformOutcome outcome = client.run(client.request("POST", "/x", "{}"));

      REQUIRE(outcome.reply.ok());
      CHECK(outcome.reply.value().status == status);
      CHECK(outcome.reply.value().body == R"({"error":"no"})");
      CHECK(server.callCount() == before + 1);
    }
  }

  TEST_CASE("platform: a reply that is HTML reaches the caller as it is") {
    RecordingPlatform server;
    CallScript html = answering(200, "<html><body>Gateway</body></html>");
    html.content_type = "text/html";
    server.script({}, html);
    Client client(quickSettings(server.apiBase()));

    const PlatformOutcome outcome = client.run(client.request("POST", "/message-log", "{}"));

    REQUIRE(outcome.reply.ok());
    CHECK(outcome.reply.value().body == html.body);
  }

  TEST_CASE("platform: connections are reused so that there are never more than calls at once") {
    RecordingPlatform server;
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.connections_max = 4;
    Client client(settings);

    for (int round = 0; round < 10; ++round) {
      std::vector<Client::Started> started;
      for (int i = 0; i < 20; ++i) {
        started.push_back(client.start(client.request("POST", "/search/search", kSearch)));
      }
      for (Client::Started& one : started) REQUIRE(one.outcome.get().reply.ok());
    }

    CHECK(server.callCount() == 200);
    CHECK(server.accepts() <= 4);
  }

  TEST_CASE("platform: three hundred calls are on the wire at once") {
    RecordingPlatform server;
    const auto hold = server.hold({"", "/search", 0, ""});
    PlatformClientSettings settings = quickSettings(server.apiBase());
    settings.connections_max = 300;
    Client client(settings);

    std::vector<Client::Started> started;
    for (int i = 0; i < 300; ++i) {
      started.push_back(client.start(client.request("POST", "/search/search", kSearch)));
    }
    REQUIRE(hold->waitForArrivals(300));
    hold->release();

    for (Client::Started& one : started) CHECK(one.outcome.get().reply.ok());
  }

  TEST_CASE("platform: ids with control bytes are refused and nothing is sent") {
    RecordingPlatform server;
    Client client(quickSettings(server.apiBase()));
    std::vector<PlatformRequest> bad(4, client.request("POST", "/search/search", "{}"));
    bad[0].user_id = "101\r\nx-company-id: 999";
    bad[1].company_id = "202\nx";
    bad[2].path = "/search\r\nx: y";
    bad[3].method = "GET / HTTP/1.1\r\nx: y\r\n\r\nGET";

    for (PlatformRequest& request : bad) {
      const PlatformOutcome outcome = client.run(request);
      REQUIRE_FALSE(outcome.reply.ok());
      CHECK(outcome.reply.error().kind == ErrorKind::kInvalid);
      CHECK(outcome.unknown_tries == 0);
    }
    CHECK(server.accepts() == 0);
  }

  TEST_CASE("platform: a base without http or a key with a line end refuses to start") {
    CHECK_THROWS_AS(Client(quickSettings("ftp://example.org")), StartupError);
    PlatformClientSettings settings = quickSettings("https://example.org");
    settings.api_key = "secret-word\n";
    CHECK_THROWS_AS(Client{settings}, StartupError);
    settings.api_key = "k";
    settings.ca_file = "/nonexistent/ca.pem";
    CHECK_THROWS_AS(Client{settings}, StartupError);
  }

  TEST_CASE("platform: a call with an origin is told its trace and another is not") {
    RecordingPlatform server;
    Client client(quickSettings(server.apiBase()));
    PlatformRequest request = client.request("GET", "/messages");
    request.origin = std::make_shared<const CallOrigin>(
        CallOrigin{{}, "", {"4bf92f3577b34da6a3ce929d0e0e4736", "", true}});
    request.span_id = "00f067aa0ba902b7";

    client.run(request);
    client.run(client.request("GET", "/messages"));

    CHECK(server.calls().at(0).headers.at("traceparent") ==
          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    CHECK(server.calls().at(1).headers.count("traceparent") == 0);
  }

  TEST_CASE("platform: metrics count calls by method and outcome") {
    RecordingPlatform server;
    server.script({"POST", "/x", 1, ""}, answering(503));
    Client client(quickSettings(server.apiBase()));

    PlatformRequest request = client.request("POST", "/x", "{}");
    request.route = "/*";
    REQUIRE(client.run(std::move(request)).reply.ok());

    const std::string text = client.metricsText();
    const auto has = [&](const char* line) { return text.find(line) != std::string::npos; };
    CHECK(has(R"(modhost_platform_calls_total{method="POST",outcome="4xx",route="/*"} 1)"));
    CHECK(has("modhost_platform_retries_total 1"));
    CHECK(has(R"(modhost_platform_call_seconds_count{method="POST",route="/*"} 1)"));
    CHECK(text.find("modhost_platform_calls_in_flight 0") != std::string::npos);
  }
}

}  // namespace modhost::host
