#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "host/admin/admin_json.h"
#include "host/admin/admin_routes.h"
#include "host/admin/admin_server.h"
#include "host/admin/write_probe.h"
#include "host/base/startup_error.h"
#include "tests/support/events.h"
#include "tests/support/eventually.h"
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
      : inbox(clock),
        server(clock, metrics, adminRoutes(clock, metrics, inbox, inbox, std::move(sources)),
               settings) {
    server.start();
  }

  Response ask(const std::string& request_line) {
    RawClient client(server.port());
    client.send(request_line + " HTTP/1.1\r\n\r\n");
    return client.receive();
  }
  Response post(const std::string& path, const std::string& body,
                const std::string& more = "X-Modhost-Action: 1\r\n") {
    RawClient client(server.port());
    client.send("POST " + path + " HTTP/1.1\r\n" + more +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
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

    const Response response = admin.ask("GET /healthz");

    CHECK(response.status_line == "HTTP/1.1 200 OK");
    CHECK(response.body == "{\"status\":\"ok\"}\n");
  }

  TEST_CASE("admin: ready says no and why") {
    std::vector<std::string> reasons;
    AdminUnderTest admin({[&reasons] { return reasons; }, nullptr, nullptr, {}});

    CHECK(admin.ask("GET /readyz").status_line == "HTTP/1.1 200 OK");
    CHECK(Json::parse(admin.ask("GET /readyz").body) == Json{{"ready", true}});

    reasons = {"inbox failed", "draining"};
    const Response response = admin.ask("GET /readyz");
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

  TEST_CASE("admin: what is looked at only for a scrape is looked at before it is written") {
    int looks = 0;
    AdminSources sources;
    sources.before_metrics = [&looks] { ++looks; };
    AdminUnderTest admin(std::move(sources));

    admin.ask("GET /metrics");
    CHECK(looks == 1);
    admin.ask("GET /status");
    CHECK(looks == 1);
  }

  TEST_CASE("admin: status shows version and uptime and inbox and what app adds") {
    AdminUnderTest admin({nullptr, [] { return Json{{"modules", {"rag-responder"}}}; }, nullptr});
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
    CHECK(Json::parse(admin.ask("GET /api/v1/status").body) == status);
  }

  TEST_CASE("admin: a page that fails is 500 and does not say why") {
    AdminUnderTest admin({[]() -> std::vector<std::string> { throw std::runtime_error("secret"); },
                          nullptr, nullptr});

    const Response response = admin.ask("GET /readyz");

    CHECK(response.code() == 500);
    CHECK(response.body == "{\"error\":\"internal\"}\n");
    CHECK(admin.ask("GET /healthz").code() == 200);
  }

  TEST_CASE("admin: other paths and methods are refused") {
    AdminUnderTest admin;

    CHECK(admin.ask("GET /page").code() == 404);
    CHECK(admin.ask("GET /page/nothing.js").code() == 404);
    CHECK(admin.ask("GET /metrics/").code() == 404);
    CHECK(admin.ask("GET /healthz?full=1").code() == 200);
    CHECK(admin.ask("GET /health").code() == 404);
    const Response posted = admin.post("/metrics", "");
    CHECK(posted.code() == 405);
    CHECK(posted.field("Allow") == "GET, HEAD");
  }

  TEST_CASE("admin: ready says no when storage has failed") {
    AdminUnderTest admin;

    admin.inbox.fail({ErrorKind::kCorrupt, "fsync failed"});

    const Response response = admin.ask("GET /readyz");
    CHECK(response.code() == 503);
    CHECK(response.body.find("inbox not writable: fsync failed") != std::string::npos);
  }

  TEST_CASE("admin: an inbox that does not answer takes no thread from the other pages") {
    AdminUnderTest admin;
    std::promise<void> release;
    admin.inbox.record({}, [held = release.get_future().share()](Result<void>) { held.wait(); });

    const int probes = 2 * anyPort().threads;
    std::atomic<int> answered{0}, refused{0};
    std::vector<std::thread> asking;
    for (int i = 0; i < probes; ++i) {
      asking.emplace_back([&] {
        const Response response = admin.ask("GET /readyz");
        if (response.code() == 503 &&
            response.body.find("the inbox does not answer") != std::string::npos) {
          ++refused;
        }
        ++answered;
      });
    }
    CHECK(eventually([&] {
      admin.clock.advance(kWriteProbeWait);
      return answered == probes;
    }));
    for (std::thread& one : asking) one.join();

    CHECK(refused == probes);
    CHECK(admin.ask("GET /readyz").code() == 503);
    CHECK(admin.ask("GET /healthz").code() == 200);
    release.set_value();
    admin.inbox.flush();
    CHECK(admin.ask("GET /readyz").code() == 200);
  }

  TEST_CASE("admin: an inbox may answer after the admin server has gone") {
    FakeClock clock;
    MemoryInbox inbox(clock);
    std::promise<void> release;
    inbox.record({}, [held = release.get_future().share()](Result<void>) { held.wait(); });
    auto probe = std::make_shared<WriteProbe>();
    const std::weak_ptr<WriteProbe> watched = probe;
    auto asked = std::async(std::launch::async, [&] { return probe->ask(clock, inbox); });
    CHECK(eventually([&] {
      clock.advance(kWriteProbeWait);
      return asked.wait_for(Milliseconds(0)) == std::future_status::ready;
    }));
    const Result<void> outcome = asked.get();
    REQUIRE_FALSE(outcome.ok());
    CHECK(outcome.error().kind == ErrorKind::kTimeout);
    probe.reset();

    CHECK_FALSE(watched.expired());
    release.set_value();
    CHECK(eventually([&] { return watched.expired(); }));
  }

  TEST_CASE("admin: an action gets its body and a stranger's form does not reach it") {
    std::string got = "nothing";
    AdminUnderTest admin({nullptr, nullptr, [&got](const AdminRequest& request) {
                            got = request.body;
                            return jsonReply(200, {{"reloaded", true}});
                          }});

    const Response formed = admin.post("/api/v1/reload", "a=1", "");
    CHECK(formed.code() == 403);
    CHECK(formed.body.find("X-Modhost-Action") != std::string::npos);
    CHECK(got == "nothing");

    CHECK(admin.post("/api/v1/reload", "{\"a\":1}").body == "{\"reloaded\":true}\n");
    CHECK(got == "{\"a\":1}");
  }

  TEST_CASE("admin: a body may be chunked and a POST may have none") {
    std::string got = "nothing";
    AdminUnderTest admin({nullptr, nullptr, [&got](const AdminRequest& request) {
                            got = request.body;
                            return jsonReply(200, {});
                          }});
    RawClient client(admin.server.port());
    client.send(
        "POST /api/v1/reload HTTP/1.1\r\nX-Modhost-Action: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    CHECK(client.receive().code() == 200);
    CHECK(got == "abcde");

    RawClient bare(admin.server.port());
    bare.send("POST /api/v1/reload HTTP/1.1\r\nX-Modhost-Action: 1\r\n\r\n");
    CHECK(bare.receive().code() == 200);
    CHECK(got.empty());
  }

  TEST_CASE("admin: a body beyond the limit is 413 and its handler never runs") {
    bool ran = false;
    AdminUnderTest admin({nullptr, nullptr, [&ran](const AdminRequest&) {
                            ran = true;
                            return jsonReply(200, {});
                          }});

    CHECK(admin.post("/api/v1/reload", std::string(kAdminBodyMax + 1, 'x')).code() == 413);
    CHECK_FALSE(ran);
    CHECK(admin.post("/api/v1/reload", std::string(kAdminBodyMax, 'x')).code() == 200);
  }

  TEST_CASE("admin: the token is asked for on every page but the health checks") {
    AdminSettings settings = anyPort();
    settings.token = "0123456789abcdef";
    AdminUnderTest admin({}, settings);

    CHECK(admin.ask("GET /healthz").code() == 200);
    CHECK(admin.ask("GET /readyz").code() == 200);
    for (const char* path : {"/metrics", "/status", "/api/v1/status", "/nowhere"}) {
      const Response refused = admin.ask(std::string("GET ") + path);
      CHECK_MESSAGE(refused.code() == 401, path);
      CHECK(refused.field("WWW-Authenticate") == "Bearer realm=\"modhost admin\"");
    }
    CHECK(
        admin.ask("GET /status HTTP/1.1\r\nAuthorization: Bearer 0123456789abcdef\r\nX:").code() ==
        200);
  }

  TEST_CASE("admin: the page is for everybody and its data is not") {
    AdminSettings settings = anyPort();
    settings.token = "0123456789abcdef";
    AdminUnderTest admin({}, settings);

    const Response page = admin.ask("GET / HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\nX:");
    CHECK(page.code() == 200);
    CHECK(page.field("Content-Type") == "text/html; charset=utf-8");
    CHECK(page.body.find("/page/page.js") != std::string::npos);
    for (const char* file :
         {"page.js", "api.js", "events.js", "host.js", "metrics.js", "plot.js", "view.js"}) {
      const Response script = admin.ask("GET /page/" + std::string(file));
      CHECK_MESSAGE(script.code() == 200, file);
      CHECK_MESSAGE(script.field("Content-Type") == "text/javascript; charset=utf-8", file);
    }
    CHECK(admin.ask("GET /page/page.css").field("Content-Type") == "text/css; charset=utf-8");
    CHECK(admin.ask("GET /api/v1/status").code() == 401);
  }

  TEST_CASE("admin: every answer says what a browser may do with it") {
    AdminUnderTest admin;

    for (const char* path : {"/", "/page/page.js", "/api/v1/status", "/nowhere"}) {
      const Response response = admin.ask("GET " + std::string(path));
      const std::string policy = response.field("Content-Security-Policy");
      CHECK_MESSAGE(policy.find("default-src 'none'; script-src 'self';") == 0, path);
      CHECK_MESSAGE(policy.find("frame-ancestors 'none'") != std::string::npos, path);
      CHECK_MESSAGE(policy.find("unsafe") == std::string::npos, path);
      CHECK_MESSAGE(response.field("X-Frame-Options") == "DENY", path);
      CHECK_MESSAGE(response.field("X-Content-Type-Options") == "nosniff", path);
      CHECK_MESSAGE(response.field("Referrer-Policy") == "no-referrer", path);
      CHECK_MESSAGE(response.field("Cache-Control") == "no-store", path);
    }
  }

  TEST_CASE("admin: who drips or says nothing holds no thread, and is cut off") {
    AdminUnderTest admin;
    std::vector<std::unique_ptr<RawClient>> strangers;
    for (int i = 0; i < 20 * anyPort().threads; ++i) {
      strangers.push_back(std::make_unique<RawClient>(admin.server.port()));
      if (i % 2 == 0) REQUIRE(strangers.back()->send("GET /healthz HTTP/1.1\r\nX-Long: "));
    }

    CHECK(admin.ask("GET /healthz").code() == 200);

    // Once: a byte now and then must not earn it more time.
    const std::string open = "modhost_connections{port=\"admin\"} ";
    REQUIRE(eventually([&] {
      return admin.metrics.text().find(open + std::to_string(strangers.size())) !=
             std::string::npos;
    }));
    admin.clock.advance(anyPort().request_timeout);
    CHECK(strangers[0]->receive().code() == 408);
    CHECK(strangers[1]->closedByPeer());
  }

  TEST_CASE("admin: more connections than it holds are refused at the door") {
    AdminSettings settings = anyPort();
    settings.connections_max = 2;
    AdminUnderTest admin({}, settings);
    const RawClient first(admin.server.port()), second(admin.server.port());

    const Response refused = admin.ask("GET /healthz");
    CHECK(refused.code() == 503);
    CHECK(refused.body == "{\"error\":\"too many connections are open\"}\n");
  }

  TEST_CASE("admin: what is no request is told so") {
    AdminUnderTest admin;

    const Response folded = admin.ask("GET /healthz HTTP/1.1\r\n X: folded");
    CHECK(folded.code() == 400);
    CHECK(folded.field("Content-Type") == "application/json");
    CHECK(folded.field("X-Content-Type-Options") == "nosniff");
    CHECK(admin.ask("GET /healthz HTTP/1.1\r\nX: " + std::string(kAdminHeadMax, 'x')).code() ==
          431);
  }

  // A server that waits for ever for a peer that does not read ends with as many as it has threads.
  TEST_CASE("admin: who does not take his answer is cut off") {
    AdminSources sources;
    sources.reload = [](const AdminRequest&) {  // more than the kernel keeps for a connection
      return AdminReply{200, "text/plain", std::string(64 << 20, 'x'), {}};
    };
    AdminUnderTest admin(std::move(sources));
    std::vector<std::unique_ptr<RawClient>> stalled;
    for (int i = 0; i < anyPort().threads; ++i) {
      stalled.push_back(std::make_unique<RawClient>(admin.server.port()));
      REQUIRE(stalled.back()->send("POST /api/v1/reload HTTP/1.1\r\nX-Modhost-Action: 1\r\n\r\n"));
      CHECK(stalled.back()->readable(60'000));
    }
    admin.clock.advance(anyPort().answer_timeout);

    CHECK(admin.ask("GET /healthz").code() == 200);
  }

  TEST_CASE("admin: a stop does not wait for who does not take his answer") {
    AdminSettings settings = anyPort();
    settings.answer_timeout = std::chrono::hours(24 * 365);
    AdminSources sources;
    sources.reload = [](const AdminRequest&) {
      return AdminReply{200, "text/plain", std::string(64 << 20, 'x'), {}};
    };
    AdminUnderTest admin(std::move(sources), settings);
    std::vector<std::unique_ptr<RawClient>> stalled;
    for (int i = 0; i < 2 * anyPort().threads; ++i) {
      stalled.push_back(std::make_unique<RawClient>(admin.server.port()));
      REQUIRE(stalled.back()->send("POST /api/v1/reload HTTP/1.1\r\nX-Modhost-Action: 1\r\n\r\n"));
      // As many as there are threads are being answered; the others wait for one.
      if (i < anyPort().threads) CHECK(stalled.back()->readable(60'000));
    }

    auto stopped = std::async(std::launch::async, [&] { admin.server.stop(); });

    CHECK(eventually([&] {
      admin.clock.advance(kAdminStopMax);
      return stopped.wait_for(Milliseconds(0)) == std::future_status::ready;
    }));
  }

  TEST_CASE("admin: an action whose body was cut is none") {
    bool ran = false;
    AdminUnderTest admin({nullptr, nullptr, [&ran](const AdminRequest&) {
                            ran = true;
                            return jsonReply(200, {});
                          }});
    RawClient client(admin.server.port());
    client.send(
        "POST /api/v1/reload HTTP/1.1\r\nX-Modhost-Action: 1\r\nContent-Length: 9\r\n\r\n{\"a\"");
    client.endSending();

    CHECK(client.closedByPeer());
    CHECK_FALSE(ran);
  }

  TEST_CASE("admin: an action whose chunked body was cut before it began is none") {
    bool ran = false;
    AdminSources sources;
    sources.reload = [&ran](const AdminRequest&) {
      ran = true;
      return jsonReply(200, {});
    };
    AdminUnderTest admin(std::move(sources));
    RawClient client(admin.server.port());
    client.send(
        "POST /api/v1/reload HTTP/1.1\r\nX-Modhost-Action: 1\r\nTransfer-Encoding: "
        "chunked\r\n\r\n");
    client.endSending();

    CHECK(client.closedByPeer());
    CHECK_FALSE(ran);
  }

  TEST_CASE("admin: a port that is taken is refused and not shared") {
    AdminUnderTest first;
    AdminSettings settings = anyPort();
    settings.port = first.server.port();

    CHECK_THROWS_AS(AdminUnderTest second({}, settings), StartupError);
  }

  TEST_CASE("admin: stop may come twice and closes the port") {
    AdminUnderTest admin;
    CHECK(admin.ask("GET /healthz").code() == 200);

    admin.server.stop();
    admin.server.stop();

    CHECK_FALSE(RawClient(admin.server.port()).connected());
  }
}

}  // namespace modhost::host
