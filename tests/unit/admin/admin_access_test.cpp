#include "host/admin/admin_access.h"

#include <doctest/doctest.h>

namespace modhost::host {
namespace {

AdminHead get(const std::string& path = "/api/v1/status") {
  AdminHead head;
  head.method = "GET";
  head.path = path;
  head.host = "127.0.0.1:9090";
  return head;
}

AdminHead post() {
  AdminHead head = get("/api/v1/events/1/replay");
  head.method = "POST";
  head.action = "1";
  return head;
}

// 0: let in.
int statusFor(const AdminHead& head, const std::string& token = "") {
  const std::optional<AdminReply> refused = refusal(head, token);
  return refused ? refused->status : 0;
}

}  // namespace

TEST_SUITE("admin") {
  TEST_CASE("access: without a token a loopback name is let in and no other") {
    AdminHead head = get();
    for (const char* host : {"127.0.0.1:9090", "localhost", "LOCALHOST:1", "[::1]:9090", "[::1]"}) {
      head.host = host;
      CHECK_MESSAGE(statusFor(head) == 0, host);
    }
    for (const char* host : {"rebound.example:9090", "10.0.0.7:9090", "localhost.example",
                             "127.0.0.1.example", "::2"}) {
      head.host = host;
      CHECK_MESSAGE(statusFor(head) == 403, host);
    }
  }

  TEST_CASE("access: a request without a Host header comes from no browser") {
    AdminHead head = get();
    head.host = "";
    CHECK(statusFor(head) == 0);
  }

  TEST_CASE("access: with a token nobody is let in without it") {
    const std::string token = "0123456789abcdef";
    AdminHead head = get();
    CHECK(statusFor(head, token) == 401);
    for (const char* wrong :
         {"Bearer", "Bearer ", "Bearer 0123456789abcdeF", "Bearer 0123456789abcdef0",
          "Basic 0123456789abcdef", "0123456789abcdef", "Bearer  0123456789abcdef"}) {
      head.authorization = wrong;
      CHECK_MESSAGE(statusFor(head, token) == 401, wrong);
    }
    head.authorization = "bearer 0123456789abcdef";
    CHECK(statusFor(head, token) == 0);
    head.host = "host.example";
    CHECK(statusFor(head, token) == 0);
  }

  TEST_CASE("access: a refusal for the token says what is accepted and never the token") {
    AdminHead head = get();
    head.authorization = "Bearer guess-guess";

    const std::optional<AdminReply> refused = refusal(head, "the-right-token");

    REQUIRE(refused);
    CHECK(refused->text.find("admin_token") != std::string::npos);
    CHECK(refused->text.find("the-right-token") == std::string::npos);
    CHECK(refused->text.find("guess-guess") == std::string::npos);
    CHECK(refused->headers.at(0).first == "WWW-Authenticate");
  }

  TEST_CASE("access: health checks need neither token nor name") {
    for (const char* path : {"/healthz", "/readyz"}) {
      AdminHead head = get(path);
      head.host = "10.1.2.3:9090";
      CHECK(statusFor(head, "0123456789abcdef") == 0);
      CHECK(statusFor(head) == 0);
    }
  }

  TEST_CASE("access: a page of another site is refused even with everything else right") {
    AdminHead head = post();
    for (const char* origin : {"http://evil.example", "null", "http://127.0.0.1:8080"}) {
      head.origin = origin;
      CHECK_MESSAGE(statusFor(head) == 403, origin);
    }
    head.origin = "http://127.0.0.1:9090";
    CHECK(statusFor(head) == 0);
    for (const char* site : {"cross-site", "same-site"}) {
      head.fetch_site = site;
      CHECK_MESSAGE(statusFor(head) == 403, site);
    }
    head.fetch_site = "same-origin";
    CHECK(statusFor(head) == 0);
  }

  TEST_CASE("access: a POST needs the action header and a GET does not") {
    AdminHead head = post();
    CHECK(statusFor(head) == 0);
    for (const char* action : {"", "0", "true"}) {
      head.action = action;
      CHECK_MESSAGE(statusFor(head) == 403, action);
    }
    head.method = "GET";
    CHECK(statusFor(head) == 0);
  }
}

}  // namespace modhost::host
