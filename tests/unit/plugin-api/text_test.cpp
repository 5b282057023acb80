#include <doctest/doctest.h>
#include <modhost/detail/url.h>
#include <modhost/json.h>
#include <modhost/text.h>

#include <string>

using modhost::firstBytes;
using modhost::firstCodePoints;

TEST_SUITE("plugin-api") {
  TEST_CASE("plugin-api: text is cut at code points and never inside a sequence") {
    CHECK(firstCodePoints("abc", 2) == "ab");
    CHECK(firstCodePoints("äöü", 2) == "äö");
    CHECK(firstCodePoints("\U0001F600\U0001F601x", 1) == "\U0001F600");
    CHECK(firstCodePoints("€uro", 1) == "€");
    CHECK(firstCodePoints("abc", 0).empty());
    CHECK(firstCodePoints("abc", 3) == "abc");
    CHECK(firstCodePoints("abc", 4) == "abc");
    CHECK(firstCodePoints("", 4).empty());
  }

  TEST_CASE("plugin-api: a combining mark is a code point of its own") {
    CHECK(firstCodePoints("e\u0301x", 1) == "e");
    CHECK(firstCodePoints("e\u0301x", 2) == "e\u0301");
  }

  TEST_CASE("plugin-api: bytes that are not UTF-8 count one by one") {
    CHECK(firstCodePoints("\x80\x80\x80", 2) == "\x80\x80");
    CHECK(firstCodePoints("\xFF\xFE"
                          "a",
                          2) == "\xFF\xFE");
    CHECK(firstCodePoints("\xE2\x82", 1) == "\xE2");
    CHECK(firstCodePoints("\xF0\x9F\x98"
                          "a",
                          2) == "\xF0\x9F");
    CHECK(firstCodePoints("\xC3", 5) == "\xC3");
  }

  TEST_CASE("plugin-api: text is cut to bytes without splitting a sequence") {
    CHECK(firstBytes("äö", 4) == "äö");
    CHECK(firstBytes("äö", 3) == "ä");
    CHECK(firstBytes("äö", 1).empty());
    CHECK(firstBytes("abc", 2) == "ab");
  }

  TEST_CASE("plugin-api: json nested deeper than the limit is not parsed") {
    const auto nested = [](std::size_t depth) {
      return std::string(depth, '[') + std::string(depth, ']');
    };

    CHECK(modhost::parseJson(nested(64)).has_value());
    CHECK_FALSE(modhost::parseJson(nested(65)).has_value());
    CHECK(modhost::parseJson("\"" + std::string(100, '[') + "\\\"[\"").has_value());
    CHECK_FALSE(modhost::parseJson("\"\xFF\"").has_value());
  }

  TEST_CASE("plugin-api: ids in paths are form-encoded") {
    CHECK(modhost::detail::quotePlus("msg_1-a.b~c") == "msg_1-a.b~c");
    CHECK(modhost::detail::quotePlus("a b/c?d=e&f+g%") == "a+b%2Fc%3Fd%3De%26f%2Bg%25");
    CHECK(modhost::detail::quotePlus("ä") == "%C3%A4");
  }
}
