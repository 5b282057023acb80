#include "host/base/json_depth.h"

#include <doctest/doctest.h>

#include <string>

namespace modhost::host {

TEST_SUITE_BEGIN("base");

TEST_CASE("json depth: exactly the limit passes and one more does not") {
  CHECK(jsonDepthWithin(std::string(64, '[') + std::string(64, ']')));
  CHECK_FALSE(jsonDepthWithin(std::string(65, '[') + std::string(65, ']')));
}

TEST_CASE("json depth: objects and arrays count together") {
  CHECK(jsonDepthWithin(R"({"a":[{"b":1}]})", 3));
  CHECK_FALSE(jsonDepthWithin(R"({"a":[{"b":1}]})", 2));
}

TEST_CASE("json depth: brackets inside strings do not count") {
  CHECK(jsonDepthWithin(R"(["[[[[{{{{"])", 1));
  CHECK(jsonDepthWithin(R"(["a\"[[[["])", 1));
  CHECK(jsonDepthWithin(R"(["\\"])", 1));
  CHECK_FALSE(jsonDepthWithin(R"(["\\",[]])", 1));
}

TEST_CASE("json depth: siblings do not add up") {
  std::string text = "[";
  for (int i = 0; i < 1000; ++i) text += "[],";
  CHECK(jsonDepthWithin(text + "[]]", 2));
}

TEST_CASE("json depth: closing more than was opened buys no depth") {
  CHECK_FALSE(jsonDepthWithin("]]]][[", 1));
  CHECK(jsonDepthWithin("]]]]", 1));
  CHECK(jsonDepthWithin("", 0));
  CHECK(jsonDepthWithin("\"unterminated [[[[", 1));
}

TEST_SUITE_END();

}  // namespace modhost::host
