#include "sandbox/fail_rules.h"

#include <doctest/doctest.h>

#include "sandbox/options.h"

namespace modhost::sandbox {
namespace {

FailRules rules(const char* text) { return FailRules({*parseFailRule(text)}); }

}  // namespace

TEST_SUITE("sandbox fail rules") {
  TEST_CASE("fail rules: a rule without a count applies for ever") {
    FailRules faults = rules("POST /openai=500");

    for (int i = 0; i < 10; ++i) {
      const auto fault = faults.next("POST", "/openai/chat/completions");
      REQUIRE(fault);
      CHECK(fault->kind == Fault::Kind::kStatus);
      CHECK(fault->status == 500);
    }
  }

  TEST_CASE("fail rules: a rule with a count is used up") {
    FailRules faults = rules("PATCH /messages=429:3");

    for (int i = 0; i < 3; ++i) CHECK(faults.next("PATCH", "/messages/msg_1"));
    CHECK_FALSE(faults.next("PATCH", "/messages/msg_1"));
  }

  TEST_CASE("fail rules: method and whole segments decide") {
    FailRules faults = rules("POST /message=html");

    CHECK_FALSE(faults.next("POST", "/message-log"));
    CHECK_FALSE(faults.next("POST", "/messages"));
    CHECK_FALSE(faults.next("GET", "/message"));
    CHECK(faults.next("POST", "/message/x")->kind == Fault::Kind::kHtml);
    CHECK(rules("* /=cut").next("DELETE", "/anything")->kind == Fault::Kind::kCut);
  }

  TEST_CASE("fail rules: the first rule that is not used up wins") {
    FailRules faults({*parseFailRule("POST /search=500:1"), *parseFailRule("POST /search=503")});

    CHECK(faults.next("POST", "/search/search")->status == 500);
    CHECK(faults.next("POST", "/search/search")->status == 503);
  }

  TEST_CASE("fail rules: what is no rule is refused") {
    for (const char* text : {"", "POST", "POST /x", "POST /x=", "POST /x=200", "POST /x=600",
                             "POST /x=500:0", "POST /x=500:-1", "POST /x=500:a", "post /x=500",
                             "POST x=500", "/x=500", "POST /x=500:", "POST /x=drop"}) {
      CAPTURE(text);
      CHECK_FALSE(parseFailRule(text));
    }
  }
}

TEST_SUITE("sandbox options") {
  TEST_CASE("options: durations carry their unit") {
    CHECK(parseDuration("20ms") == host::Milliseconds(20));
    CHECK(parseDuration("2s") == host::Milliseconds(2000));
    CHECK(parseDuration("1m") == host::Milliseconds(60'000));
    CHECK(parseDuration("0") == host::Milliseconds(0));
    for (const char* text : {"", "5", "-1s", "1h", "s", "1.5s", "99999999999999999999s", "2000m"}) {
      CAPTURE(text);
      CHECK_FALSE(parseDuration(text));
    }
  }
}

}  // namespace modhost::sandbox
