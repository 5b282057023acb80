#include <doctest/doctest.h>

#include <string>

#include "host/base/startup_error.h"
#include "tests/unit/ingress/host_under_test.h"

// What the sender is told, to the byte, over a real connection.

namespace modhost::host {
namespace {

constexpr char kSuccess[] = R"({"success":true})";
constexpr char kMissing[] = R"({"success":false,"error":"Missing signature headers"})";
constexpr char kInvalid[] = R"({"success":false,"error":"Invalid signature"})";
constexpr char kTryAgain[] = R"({"success":false,"error":"Try again later"})";

void checkAnswer(const Response& response, const std::string& status, const std::string& body) {
  CHECK(response.status_line == "HTTP/1.1 " + status);
  CHECK(response.body == body);
  CHECK(response.field("Content-Type") == "application/json");
  CHECK(response.field("Content-Length") == std::to_string(body.size()));
}

void checkFinal(const Response& response, const std::string& status, const std::string& body) {
  checkAnswer(response, status, body);
  CHECK(response.field("Connection") == "Close");
  CHECK(response.field("Retry-After") == "(none)");
}

void checkComeAgain(const Response& response) {
  checkAnswer(response, "503 Service Unavailable", kTryAgain);
  CHECK(response.field("Retry-After") == "5");
}

}  // namespace

TEST_SUITE("ingress") {
  TEST_CASE("ingress: a signed event is stored before it is answered 200") {
    HostUnderTest host;

    const Response response = host.ask(signedPost(chosenEventBody("evt_1")));

    checkAnswer(response, "200 OK", kSuccess);
    CHECK(response.field("Connection") == "Keep-Alive");
    CHECK(host.waiting() == 1);
    CHECK(host.counted("modhost_webhooks_total{answer=\"stored\"} 1"));
  }

  TEST_CASE("ingress: a sender that says close in any of its tokens is not kept") {
    HostUnderTest host;
    const std::string body = chosenEventBody("evt_1");
    const auto connectionAfter = [&](const std::string& fields) {
      return host.ask(post(signedFields(body) + fields, body)).field("Connection");
    };

    for (const char* fields :
         {"Connection: close\r\n", "Connection: close, TE\r\n", "Connection: TE ,\tCLOSE\r\n",
          "Connection: TE,,Close\r\n", "Connection: TE\r\nconnection: close\r\n",
          "Connection: keep-alive, close\r\n"}) {
      CAPTURE(std::string(fields));
      CHECK(connectionAfter(fields) == "Close");
    }
    for (const char* fields : {"", "Connection: keep-alive\r\n", "Connection: TE, closed\r\n",
                               "Connection:\r\n", "Connection: keep-alive, TE\r\n"}) {
      CAPTURE(std::string(fields));
      CHECK(connectionAfter(fields) == "Keep-Alive");
    }
  }

  TEST_CASE("ingress: the inbox gets the bytes that were signed") {
    HostUnderTest host;
    const std::string body = " " + chosenEventBody("evt_1", "Z\xc3\xbcrich \\u0000") + "\n";

    host.ask(signedPost(body));

    const auto deliveries = host.inbox.next("rag-responder", 10).take();
    REQUIRE(deliveries.size() == 1);
    CHECK(deliveries[0].event->body == body);
    CHECK(deliveries[0].event->received_at == host.clock.wallNow());
  }

  TEST_CASE("ingress: a valid traceparent is kept and any other is as if it were not there") {
    const auto keptOf = [](const std::string& fields) {
      HostUnderTest host;
      const std::string body = chosenEventBody("evt_1");
      host.ask(post(signedFields(body) + fields, body));
      return host.inbox.next("rag-responder", 10).take().at(0).event->traceparent;
    };
    const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const std::string field = "traceparent: " + trace + "\r\n";

    CHECK(keptOf(field) == trace);
    CHECK(keptOf("TraceParent: " + trace + "\r\n") == trace);
    CHECK(keptOf("").empty());
    CHECK(keptOf(field + field).empty());
    CHECK(
        keptOf("traceparent: 00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01\r\n").empty());
  }

  TEST_CASE("ingress: events are counted by the pattern that routes their type") {
    HostUnderTest host;
    const std::string body = chosenEventBody("evt_1");
    host.ask(signedPost(body));
    host.ask(signedPost(body));
    host.ask(signedPost(R"({"id":"evt_2","event":"made.up","userId":"1","companyId":"2"})"));
    host.ask(signedPost("no event"));

    CHECK(host.counted(R"(modhost_events_total{result="stored",type="unique.chat.*"} 1)"));
    CHECK(host.counted(R"(modhost_events_total{result="duplicate",type="unique.chat.*"} 1)"));
    CHECK(host.counted(R"(modhost_events_total{result="unrouted",type="other"} 1)"));
    CHECK(host.counted(R"(modhost_events_total{result="parked",type="other"} 1)"));
    CHECK(host.metrics.text().find("made.up") == std::string::npos);
  }

  TEST_CASE("ingress: a duplicate is answered like the first") {
    HostUnderTest host;
    host.ask(signedPost(chosenEventBody("evt_1", "first")));

    const Response again = host.ask(signedPost(chosenEventBody("evt_1", "second")));

    checkAnswer(again, "200 OK", kSuccess);
    CHECK(host.waiting() == 1);
    CHECK(host.counted("modhost_webhooks_total{answer=\"duplicate\"} 1"));
  }

  TEST_CASE("ingress: a missing or empty signature header is answered so") {
    HostUnderTest host;
    const std::string body = chosenEventBody("evt_1");
    const std::string sign = "X-Unique-Signature: " + signature(body) + "\r\n";
    const std::string time = "X-Unique-Created-At: 1767225600\r\n";

    for (const std::string& fields :
         {std::string(), sign, time, sign + "X-Unique-Created-At:\r\n",
          sign + "X-Unique-Created-At:  \r\n", "X-Unique-Signature: \r\n" + time}) {
      CAPTURE(fields);
      checkFinal(host.ask(post(fields, body)), "400 Bad Request", kMissing);
    }
    CHECK(host.waiting() == 0);
  }

  TEST_CASE("ingress: the names of headers may be written in any case") {
    HostUnderTest host;
    const std::string body = chosenEventBody("evt_1");

    const Response response = host.ask(
        post("x-unique-SIGNATURE: " + signature(body) + "\r\nx-unique-created-at: 1767225600\r\n",
             body));

    checkAnswer(response, "200 OK", kSuccess);
  }

  TEST_CASE("ingress: every way to be wrongly signed has the same answer") {
    HostUnderTest host;
    const std::string body = chosenEventBody("evt_1");

    SUBCASE("another secret") {
      checkFinal(host.ask(post(signedFields(body, kNowSeconds, "other"), body)), "400 Bad Request",
                 kInvalid);
    }
    SUBCASE("another body") {
      checkFinal(host.ask(post(signedFields(body), body + " ")), "400 Bad Request", kInvalid);
    }
    SUBCASE("a repeated signature") {
      checkFinal(host.ask(post(signedFields(body) + "X-Unique-Signature: 00\r\n", body)),
                 "400 Bad Request", kInvalid);
    }
    SUBCASE("a repeated timestamp") {
      checkFinal(host.ask(post(signedFields(body) + "X-Unique-Created-At: 1\r\n", body)),
                 "400 Bad Request", kInvalid);
    }
    SUBCASE("an unreadable timestamp") {
      checkFinal(host.ask(post(signedFields(body, "soon"), body)), "400 Bad Request", kInvalid);
      CHECK(host.counted("modhost_webhooks_total{answer=\"bad_timestamp\"} 1"));
    }
    SUBCASE("a stale timestamp, which is counted apart") {
      checkFinal(host.ask(post(signedFields(body, "1767225299"), body)), "400 Bad Request",
                 kInvalid);
      CHECK(host.counted("modhost_webhook_stale_total 1"));
    }
    CHECK(host.waiting() == 0);
    CHECK(host.deadLetters().empty());
  }

  TEST_CASE("ingress: the timestamp is judged by the host's clock as it moves") {
    HostUnderTest host;
    const std::string request = signedPost(chosenEventBody("evt_1"));
    host.clock.jumpWall(Milliseconds(300'001));

    CHECK(host.ask(request).code() == 400);

    host.clock.jumpWall(Milliseconds(-1));
    CHECK(host.ask(request).code() == 200);
  }

  TEST_CASE("ingress: during a rotation both secrets are good") {
    IngressSettings settings = testSettings();
    settings.secrets = {"new", "old"};
    HostUnderTest host(settings);
    const std::string body = chosenEventBody("evt_1");

    CHECK(host.ask(post(signedFields(body, kNowSeconds, "new"), body)).code() == 200);
    CHECK(host.ask(post(signedFields(body, kNowSeconds, "old"), body)).code() == 200);
    CHECK(host.ask(signedPost(body)).code() == 400);
  }

  TEST_CASE("ingress: what is signed and no readable event is parked with its bytes") {
    HostUnderTest host;
    const struct {
      std::string body, why;
    } cases[] = {{"", "not JSON"},
                 {"{", "not JSON"},
                 {"[1]", "not an object"},
                 {R"({"userId":"u","companyId":"c"})", "no string event"},
                 {R"({"event":"e","userId":5,"companyId":"c"})", "no string userId"},
                 {R"({"event":"e","userId":"u"})", "no string companyId"},
                 {"{\"event\":\"\xff\"}", "not UTF-8"},
                 {std::string(5000, '['), "not an object"},
                 {R"({"a":)" + std::string(5000, '['), "nested too deep"}};

    for (const auto& one : cases) {
      CAPTURE(one.body);
      checkAnswer(host.ask(signedPost(one.body)), "200 OK",
                  R"({"success":true,"parked":")" + one.why + R"("})");
      const auto letters = host.deadLetters();
      REQUIRE_FALSE(letters.empty());
      CHECK(letters.back().key.target == kParkedTarget);
      CHECK(host.inbox.body(letters.back().key.seq).take() == one.body);
    }
    CHECK(host.deadLetters().size() == std::size(cases));
    CHECK(host.waiting() == 0);
  }

  TEST_CASE("ingress: a body parked before is answered alike and kept once") {
    HostUnderTest host;
    host.ask(signedPost("garbage"));

    const Response again = host.ask(signedPost("garbage"));

    checkAnswer(again, "200 OK", R"({"success":true,"parked":"not JSON"})");
    CHECK(host.deadLetters().size() == 1);
  }

  TEST_CASE("ingress: an event routed nowhere is answered 200 and counted") {
    IngressSettings settings = testSettings();
    const std::string body = R"({"id":"e1","event":"other","userId":"u","companyId":"c"})";

    SUBCASE("and no more than that by default") {
      HostUnderTest host(settings);
      checkAnswer(host.ask(signedPost(body)), "200 OK", kSuccess);
      CHECK(host.counted("modhost_unrouted_total 1"));
      CHECK(host.deadLetters().empty());
    }
    SUBCASE("and kept when dead letters are asked for") {
      settings.unrouted = Unrouted::kDeadLetter;
      HostUnderTest host(settings);
      checkAnswer(host.ask(signedPost(body)), "200 OK", kSuccess);
      CHECK(host.counted("modhost_unrouted_total 1"));
      REQUIRE(host.deadLetters().size() == 1);
      CHECK(host.deadLetters()[0].key.target == kUnroutedTarget);
    }
  }

  TEST_CASE("ingress: an event older than max_event_age is parked as too old") {
    IngressSettings settings = testSettings();
    settings.max_event_age = Milliseconds(60'000);
    HostUnderTest host(settings);
    auto body = [](const std::string& created) {
      return R"({"event":"unique.chat.x","userId":"u","companyId":"c","createdAt":)" + created +
             "}";
    };
    const char* too_old = R"({"success":true,"parked":"too old"})";

    checkAnswer(host.ask(signedPost(body("1767225539"))), "200 OK", too_old);
    checkAnswer(host.ask(signedPost(body("\"1767225539\""))), "200 OK", too_old);
    checkAnswer(host.ask(signedPost(body("1767225540"))), "200 OK", kSuccess);
    checkAnswer(host.ask(signedPost(body("\"soon\""))), "200 OK", kSuccess);
    CHECK(host.waiting() == 2);
  }

  TEST_CASE("ingress: a full inbox is told to come again") {
    HostUnderTest host;
    MemoryInbox full(host.clock, {.waiting_max = 0});
    HostUnderTest other(testSettings(), &full);

    const Response response = other.ask(signedPost(chosenEventBody("evt_1")));

    checkComeAgain(response);
    CHECK(other.counted("modhost_webhooks_total{answer=\"inbox_full\"} 1"));
  }

  TEST_CASE("ingress: trouble of the inbox is told to come again whatever it is") {
    for (const auto& [kind, label] : {std::pair(ErrorKind::kUnavailable, "inbox_unavailable"),
                                      std::pair(ErrorKind::kCorrupt, "inbox_failed"),
                                      std::pair(ErrorKind::kTimeout, "inbox_unavailable")}) {
      const Error error{kind, "trouble"};
      ScriptedInbox inbox([error]() -> Result<Accepted> { return error; });
      HostUnderTest host(testSettings(), &inbox);

      checkComeAgain(host.ask(signedPost(chosenEventBody("evt_1"))));
      checkComeAgain(host.ask(signedPost("garbage")));
      CHECK(host.counted(std::string("modhost_webhooks_total{answer=\"") + label + "\"} 2"));
    }
  }

  TEST_CASE("ingress: an exception is answered with come again and not with silence") {
    ScriptedInbox inbox([]() -> Result<Accepted> { throw std::bad_alloc(); });
    HostUnderTest host(testSettings(), &inbox);

    const Response response = host.ask(signedPost(chosenEventBody("evt_1")));

    checkComeAgain(response);
    CHECK(response.field("Connection") == "Close");
    CHECK(host.counted("modhost_webhooks_total{answer=\"internal\"} 1"));
  }

  TEST_CASE("ingress: draining answers every webhook with come again and stays healthy") {
    HostUnderTest host;
    host.ingress.drain();

    const Response response = host.ask(signedPost(chosenEventBody("evt_1")));

    checkComeAgain(response);
    CHECK(response.field("Connection") == "Close");
    checkComeAgain(host.ask(post("", "unsigned")));
    checkFinal(host.ask("GET /health HTTP/1.1\r\n\r\n"), "200 OK", R"({"status":"ok"})");
    CHECK(host.waiting() == 0);
  }

  TEST_CASE("ingress: health is answered to GET and HEAD alone") {
    HostUnderTest host;

    checkFinal(host.ask("GET /health HTTP/1.1\r\n\r\n"), "200 OK", R"({"status":"ok"})");
    CHECK(host.ask("GET /health?from=lb HTTP/1.0\r\n\r\n").status_line == "HTTP/1.0 200 OK");
    const Response posted = host.ask(post("", "x", "/health"));
    checkFinal(posted, "405 Method Not Allowed",
               R"({"success":false,"error":"Method not allowed"})");
    CHECK(posted.field("Allow") == "GET, HEAD");

    RawClient client = host.client();
    client.send("HEAD /health HTTP/1.1\r\n\r\n");
    CHECK(client.receive(false).status_line == "HTTP/1.1 200 OK");
    CHECK(client.closedByPeer());
  }

  TEST_CASE("ingress: the webhook is answered to POST alone") {
    HostUnderTest host;
    for (const char* method :
         {"GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "post", "BREW"}) {
      CAPTURE(method);
      const Response response = host.ask(std::string(method) + " /webhook HTTP/1.1\r\n\r\n");
      checkFinal(response, "405 Method Not Allowed",
                 R"({"success":false,"error":"Method not allowed"})");
      CHECK(response.field("Allow") == "POST");
    }
  }

  TEST_CASE("ingress: any other path is not found") {
    HostUnderTest host;
    const std::string body = chosenEventBody("evt_1");
    for (const char* path : {"/", "/webhook/", "/Webhook", "//webhook", "/webhook%20", "*",
                             "http://localhost/webhook", "/../webhook"}) {
      CAPTURE(path);
      checkFinal(host.ask(post(signedFields(body), body, path)), "404 Not Found",
                 R"({"success":false,"error":"Not found"})");
    }
    CHECK(host.ask(post(signedFields(body), body, "/webhook?x=1")).code() == 200);
  }

  TEST_CASE("ingress: the path can be another one") {
    IngressSettings settings = testSettings();
    settings.path = "/hooks/unique";
    HostUnderTest host(settings);
    const std::string body = chosenEventBody("evt_1");

    CHECK(host.ask(post(signedFields(body), body, "/hooks/unique")).code() == 200);
    CHECK(host.ask(signedPost(body)).code() == 404);
  }

  TEST_CASE("ingress: settings that would let anybody in or nobody are refused") {
    auto refused = [](void (*spoil)(IngressSettings&)) {
      IngressSettings settings = testSettings();
      spoil(settings);
      CHECK_THROWS_AS(HostUnderTest host(settings), StartupError);
    };
    refused([](IngressSettings& s) { s.secrets.clear(); });
    refused([](IngressSettings& s) { s.secrets = {"good", ""}; });
    refused([](IngressSettings& s) { s.path = "webhook"; });
    refused([](IngressSettings& s) { s.path = "/health"; });
    refused([](IngressSettings& s) { s.buffered_max_bytes = s.max_body_bytes; });
    refused([](IngressSettings& s) { s.listen_host = "no such host.invalid"; });
  }

  TEST_CASE("ingress: a port that is taken is refused and not shared") {
    HostUnderTest first;
    IngressSettings settings = testSettings();
    settings.listen_port = first.ingress.port();

    CHECK_THROWS_AS(HostUnderTest second(settings), StartupError);
  }
}

}  // namespace modhost::host
