#include "host/modules/module_limits.h"

#include <doctest/doctest.h>

using namespace modhost::host;

namespace {

std::string refusalOf(const std::string& path) { return callRefusal({"GET", path, ""}); }

}  // namespace

TEST_SUITE("module_limits") {
  TEST_CASE("module_limits: a path below the base is accepted") {
    for (const char* path : {"/messages/msg_1", "/search", "/a/b?x=1&y=..&z=//",
                             "/message-log/a%2Fb", "/..a", "/a..b/c"}) {
      CAPTURE(path);
      CHECK(refusalOf(path) == "");
    }
  }

  TEST_CASE("module_limits: a path that could lead elsewhere is refused") {
    for (const char* path : {"", "messages", "http://evil/x", "//evil/x", "/a//b", "/../x", "/a/..",
                             "/a/./b", "/a/%2e%2e/b", "/a/.%2E/b", "/a b", "/a\nHost: x", "/a\x7f",
                             "/a\\..\\b", "/a#b", "/\xc3\xa4", "/..?x=1"}) {
      CAPTURE(path);
      CHECK(refusalOf(path) != "");
    }
    CHECK(refusalOf("/" + std::string(kCallPathBytesMax, 'a')) != "");
  }

  TEST_CASE("module_limits: a method is a word of upper-case letters") {
    CHECK(callRefusal({"PATCH", "/a", ""}) == "");
    for (const char* method : {"", "get", "GET ", "G\r\n", "AVERYLONGMETHODNAME"}) {
      CHECK(callRefusal({method, "/a", ""}) != "");
    }
  }

  TEST_CASE("module_limits: a body beyond the depth or size is refused") {
    CHECK(callRefusal({"POST", "/a", std::string(64, '[') + std::string(64, ']')}) == "");
    CHECK(callRefusal({"POST", "/a", std::string(65, '[') + std::string(65, ']')}) != "");
    CHECK(callRefusal({"POST", "/a", std::string(kCallBodyBytesMax + 1, ' ')}) != "");
  }

  TEST_CASE("module_limits: a body that is not JSON is refused") {
    for (const char* body : {"", "{}", "[1, \"\xc3\xa4\"]", "null", " 1 "}) {
      CAPTURE(body);
      CHECK(callRefusal({"POST", "/a", body}) == "");
    }
    for (const char* body : {"{", "{}{}", "hello", "[1,]", "\"\xff\"", " "}) {
      CAPTURE(body);
      CHECK(callRefusal({"POST", "/a", body}) == "the body is not JSON");
    }
  }

  TEST_CASE("module_limits: a long text is cut between characters and says so") {
    CHECK(bounded("short") == "short");
    CHECK(bounded("aaaa\xc3\xa4", 5) == "aaaa (cut, 6 bytes)");
    CHECK(bounded(std::string(5000, 'x')).size() < kModuleTextBytesMax + 32);
    CHECK(bounded(std::string(100, '\x80'), 10) == " (cut, 100 bytes)");
  }

  TEST_CASE("module_limits: log fields are a JSON object or are replaced") {
    CHECK(checkedLogFields("") == "");
    CHECK(checkedLogFields(R"({"a":1})") == R"({"a":1})");
    for (const char* bad : {"[{}]", "nothing", "{", "\"{\"", "1"}) {
      CHECK(checkedLogFields(bad) == "(fields are not a JSON object)");
    }
    CHECK(checkedLogFields("{\"a\":" + std::string(200, '[') + std::string(200, ']') + "}") ==
          "(fields are not a JSON object)");
  }
}
