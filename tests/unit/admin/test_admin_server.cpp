#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/admin/admin_server.h"
#include "host/base/startup_error.h"
#include "tests/support/events.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_inbox.h"
#include "tests/unit/ingress/raw_client.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;

AdminSettings anyPort() {
  AdminSettings settings;
  settings.port = 0;
  return settings;
}

struct AdminUnderTest {
  explicit AdminUnderTest(AdminSources sources = {}, const AdminSettings& settings = anyPort())
      : inbox(clock), server(clock, metrics, inbox, std::move(sources), settings) {
    server.start();
  }

  Response ask(const std::string& request_line) {
    RawClient client(server.port());
    client.send(request_line + " HTTP/1.1\r\n\r\n");
    return client.receive();
  }

  FakeClock clock;
  Metrics metrics;
  MemoryInbox inbox;
  AdminServer server;
};

}  // namespace

TEST_SUITE("admin") {
  TEST_CASE("admin: health is 200 as long as it serves") {
    AdminUnderTest admin;

    const Response response = admin.ask("GET /health");

    CHECK(response.status_line == "HTTP/1.1 200 OK");
    CHECK(response.body == "{\"status\":\"ok\"}\n");
  }

  TEST_CASE("admin: ready says no and why") {
    std::vector<std::string> reasons;
    AdminUnderTest admin({[&reasons] { return reasons; }, nullptr});

    CHECK(admin.ask("GET /ready").status_line == "HTTP/1.1 200 OK");
    CHECK(Json::parse(admin.ask("GET /ready").body) == Json{{"ready", true}});

    reasons = {"inbox failed", "draining"};
    const Response response = admin.ask("GET /ready");
    CHECK(response.code() == 503);
    CHECK(Json::parse(response.body) ==
          Json{{"ready", false}, {"reasons", {"inbox failed", "draining"}}});
  }

  TEST_CASE("admin: metrics are the whole registry as text") {
    AdminUnderTest admin;
    admin.metrics.counter("modhost_something_total", "Something.").add();

    const Response response = admin.ask("GET /metrics");

    CHECK(response.field("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
    CHECK(response.body.find("modhost_something_total 1\n") != std::string::npos);
  }

  TEST_CASE("admin: status shows version and uptime and inbox and what app adds") {
    AdminUnderTest admin({nullptr, [] { return Json{{"modules", {"rag-responder"}}}; }});
    Result<ParsedEvent> parsed = parseEvent(chosenEventBody("evt_1"), admin.clock.wallNow());
    const std::vector<Target> targets = {"rag-responder"};
    REQUIRE(admin.inbox.accept(parsed.value().event, targets).ok());
    admin.clock.advance(Milliseconds(90'500));

    const Json status = Json::parse(admin.ask("GET /status").body);

    CHECK(status.at("version") == MODHOST_VERSION);
    CHECK(status.at("uptime_seconds") == 90);
    CHECK(status.at("inbox").at("waiting") == 1);
    CHECK(status.at("inbox").at("events") == 1);
    CHECK(status.at("modules") == Json{"rag-responder"});
  }

  TEST_CASE("admin: a page that fails is 500 and does not say why") {
    AdminUnderTest admin(
        {[]() -> std::vector<std::string> { throw std::runtime_error("secret"); }, nullptr});

    const Response response = admin.ask("GET /ready");

    CHECK(response.code() == 500);
    CHECK(response.body == "{\"error\":\"internal\"}\n");
    CHECK(admin.ask("GET /health").code() == 200);
  }

  TEST_CASE("admin: other paths and methods are refused") {
    AdminUnderTest admin;

    CHECK(admin.ask("GET /").code() == 404);
    CHECK(admin.ask("GET /metrics/").code() == 404);
    CHECK(admin.ask("GET /health?full=1").code() == 200);
    const Response posted = admin.ask("POST /metrics");
    CHECK(posted.code() == 405);
    CHECK(posted.field("Allow") == "GET, HEAD");
  }

  TEST_CASE("admin: a port that is taken is refused and not shared") {
    AdminUnderTest first;
    AdminSettings settings = anyPort();
    settings.port = first.server.port();

    CHECK_THROWS_AS(AdminUnderTest second({}, settings), StartupError);
  }

  TEST_CASE("admin: stop may come twice and closes the port") {
    AdminUnderTest admin;
    CHECK(admin.ask("GET /health").code() == 200);

    admin.server.stop();
    admin.server.stop();

    CHECK_FALSE(RawClient(admin.server.port()).connected());
  }
}

}  // namespace modhost::host
