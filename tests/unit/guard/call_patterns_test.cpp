#include "host/guard/call_patterns.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace modhost::host {
namespace {

bool allows(const std::string& pattern, const std::string& method, const std::string& path) {
  const auto parsed = parseCallPattern(pattern);
  const auto segments = pathSegments(path);
  REQUIRE(parsed.ok());
  REQUIRE(segments.ok());
  return isAllowed({parsed.value()}, method, segments.value());
}

}  // namespace

TEST_SUITE("guard") {
  TEST_CASE("call patterns: a star stands for one segment") {
    CHECK(allows("PATCH /messages/*", "PATCH", "/messages/m_1"));
    CHECK(allows("PATCH /messages/*", "PATCH", "/messages/m_1?x=/y/../z"));
    CHECK_FALSE(allows("PATCH /messages/*", "PATCH", "/messages"));
    CHECK_FALSE(allows("PATCH /messages/*", "PATCH", "/messages/m_1/event"));
    CHECK_FALSE(allows("PATCH /messages/*", "POST", "/messages/m_1"));
    CHECK(allows("POST /messages/*/event", "POST", "/messages/m_1/event"));
  }

  TEST_CASE("call patterns: two stars stand for any rest") {
    CHECK(allows("GET /**", "GET", "/anything/at/all"));
    CHECK(allows("GET /content/**", "GET", "/content/a/b"));
    CHECK_FALSE(allows("GET /content/**", "GET", "/contents"));
  }

  TEST_CASE("call patterns: an encoded spelling is the same path") {
    CHECK(allows("POST /message-log", "POST", "/message%2Dlog"));
    CHECK_FALSE(allows("PATCH /messages/*", "PATCH", "/message-log/l_1"));
  }

  TEST_CASE("call patterns: paths that could mean something else are refused") {
    for (const char* path :
         {"", "messages", "https://evil.example/x", "//evil.example/x", "/messages/",
          "/messages//x", "/messages/../keys", "/messages/%2e%2E/keys", "/messages/..%2Fkeys",
          "/messages/.", "/a\r\nb", "/a%0d%0ab", "/a%00", "/a b", "/a\\b", "/a#b", "/a%2", "/a%zz",
          "/x/http:%2F%2Fevil"}) {
      CAPTURE(path);
      CHECK_FALSE(pathSegments(path).ok());
    }
  }

  TEST_CASE("call patterns: what can not be a pattern is refused") {
    for (const char* text : {"", "GET", "get /x", "GET x", "GET /x/**/y", "GET /x**", "FETCH /x"}) {
      CAPTURE(text);
      CHECK_FALSE(parseCallPattern(text).ok());
    }
  }

  TEST_CASE("call patterns: only reads may be cut on the wire") {
    const auto kindOf = [](const std::string& method, const std::string& path) {
      const auto segments = pathSegments(path);
      REQUIRE(segments.ok());
      return kindOfCall(method, segments.value());
    };
    CHECK(kindOf("POST", "/message-log") == CallKind::kCreateStep);
    CHECK(kindOf("PATCH", "/message-log/l") == CallKind::kUpdateStep);
    CHECK(kindOf("PATCH", "/messages/m") == CallKind::kWriteMessage);
    CHECK(kindOf("POST", "/integrated/chat/stream-responses") == CallKind::kStreamAnswer);
    CHECK(kindOf("POST", "/messages") == CallKind::kOtherWrite);
    CHECK(kindOf("POST", "/messages/m/event") == CallKind::kOtherWrite);
    CHECK(kindOf("DELETE", "/messages/m") == CallKind::kOtherWrite);
    CHECK(kindOf("GET", "/messages/m") == CallKind::kRead);
    CHECK(kindOf("POST", "/search/search") == CallKind::kRead);
    CHECK(kindOf("POST", "/openai/chat/completions") == CallKind::kRead);
  }
}

}  // namespace modhost::host
