#include "host/modules/config_schema.h"

#include <doctest/doctest.h>

using namespace modhost::host;

namespace {

constexpr const char* kSchema = R"({
  "type": "object", "additionalProperties": false, "required": ["limit"],
  "properties": {
    "limit": {"type": "integer", "minimum": 1, "maximum": 9},
    "mode": {"enum": ["fast", "slow"]},
    "nested": {"type": "object", "properties": {"names": {"type": "array", "items": {"type": "string"}}}}
  }})";

std::string refusal(const std::string& config, const std::string& schema = kSchema) {
  const Result<void> result = checkConfig(schema, config, Patterns::kChecked);
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().kind == ErrorKind::kInvalid);
  return result.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("config_schema") {
  TEST_CASE("config_schema: what fits is accepted") {
    CHECK(checkConfig(kSchema, R"({"limit": 3, "mode": "fast", "nested": {"names": ["a"]}})",
                      Patterns::kChecked)
              .ok());
    CHECK(checkConfig("", R"({"anything": [1]})", Patterns::kChecked).ok());
    CHECK(checkConfig("", "", Patterns::kChecked).ok());
  }

  TEST_CASE("config_schema: what does not fit is named with its place and what is accepted") {
    const std::string number = refusal(R"({"limit": 100})");
    CHECK(contains(number, "config at /limit: found a number;"));
    CHECK(contains(number, "maximum 9"));

    const std::string deep = refusal(R"({"limit": 1, "nested": {"names": ["a", 7]}})");
    CHECK(contains(deep, "config at /nested/names/1: found a number;"));
    CHECK(contains(deep, "type string"));

    CHECK(contains(refusal(R"({"limit": 1, "mode": "x"})"), "[\"fast\",\"slow\"]"));
    CHECK(contains(refusal(R"({"limit": 1, "limits": 2})"),
                   "config: unknown key \"limits\"; accepted: limit"));
    CHECK(contains(refusal("{}"), "limit"));
  }

  TEST_CASE("config_schema: no value of the config reaches the message") {
    CHECK_FALSE(contains(refusal(R"({"limit": "hunter2-secret"})"), "hunter2"));
    CHECK_FALSE(contains(refusal(R"({"limit": 1, "mode": "hunter2-secret"})"), "hunter2"));
    CHECK_FALSE(contains(refusal(R"({"limit": 482913})"), "482913"));
    CHECK_FALSE(contains(refusal(R"({"limit": 48.2913})"), "2913"));
    CHECK_FALSE(contains(refusal(R"({"limit": 1, "mode": 482913})"), "482913"));
    CHECK_FALSE(contains(refusal(R"({"limit": 1, "nested": {"names": [482913]}})"), "482913"));
    CHECK(contains(refusal(R"({"limit": true})"), "found a boolean;"));
    CHECK(contains(refusal(R"({"limit": null})"), "found null;"));
  }

  TEST_CASE("config_schema: a config that is no object is refused") {
    CHECK(contains(refusal("[]"), "an object is accepted"));
    CHECK(contains(refusal("{broken"), "an object is accepted"));
    CHECK(contains(refusal(std::string(100, '[')), "too deep"));
  }

  TEST_CASE("config_schema: references within the schema are followed") {
    const char* schema = R"({"definitions": {"small": {"type": "integer", "maximum": 9}},
      "properties": {"a": {"$ref": "#/definitions/small"}, "b": {"$ref": "#/properties/a"}}})";

    CHECK(checkConfig(schema, R"({"a": 1, "b": 2})", Patterns::kChecked).ok());
    CHECK(contains(refusal(R"({"a": 10})", schema), "/a"));
    CHECK(contains(refusal(R"({"b": 10})", schema), "/b"));
  }

  TEST_CASE("config_schema: references that never end are refused") {
    for (
        const char* schema :
        {R"({"$ref": "#"})", R"({"allOf": [{"$ref": "#"}]})",
         R"({"properties": {"a": {"$ref": "#/properties/b"}, "b": {"$ref": "#/properties/a"}}})",
         R"({"properties": {"tree": {"properties": {"child": {"$ref": "#/properties/tree"}}}}})"}) {
      CHECK(contains(refusal("{}", schema), "refers to itself"));
    }
    CHECK(contains(refusal("{}", R"({"$ref": "#/nowhere"})"), "does not have"));
    CHECK(contains(refusal("{}", R"({"$ref": "#broken"})"), "another document"));
  }

  TEST_CASE("config_schema: references that multiply are refused") {
    std::string schema = R"({"definitions": {"d0": {"type": "object"})";
    for (int n = 1; n < 40; ++n) {
      const std::string before = R"({"$ref": "#/definitions/d)" + std::to_string(n - 1) + "\"}";
      schema += ", \"d" + std::to_string(n) + R"(": {"allOf": [)" + before + ", " + before + "]}";
    }
    schema += R"(}, "$ref": "#/definitions/d39"})";

    CHECK(contains(refusal("{}", schema), "too large"));
  }

  TEST_CASE("config_schema: the patterns of a worker's schema are left to the worker") {
    const char* slow = R"({"additionalProperties": false, "patternProperties": {"^(x+)+$": {}},
      "properties": {"pattern": {"type": "string", "pattern": "^(a+)+$"},
                     "list": {"items": {"anyOf": [{"pattern": "^(b+)+$"}]}}}})";
    const std::string many(4'000, 'a');
    const std::string config = R"({"pattern": ")" + many + R"(!", "list": [")" + many + R"("], ")" +
                               std::string(4'000, 'x') + R"(!": 1})";

    CHECK(checkConfig(slow, config, Patterns::kLeftToWorker).ok());
    CHECK_FALSE(checkConfig(slow, R"({"pattern": 7})", Patterns::kLeftToWorker).ok());
    CHECK_FALSE(checkConfig(R"({"properties": {"a": {"pattern": "^b$"}}})", R"({"a": "c"})",
                            Patterns::kChecked)
                    .ok());
  }

  TEST_CASE("config_schema: a schema that cannot be used is named as the module's fault") {
    CHECK(contains(refusal("{}", "[1]"), "module's config schema"));
    CHECK(contains(refusal("{}", "{broken"), "module's config schema"));
    CHECK(contains(refusal("{}", R"({"type": 5})"), "module's config schema"));
    CHECK(contains(refusal("{}", R"({"$ref": "http://example.invalid/s.json"})"),
                   "module's config schema"));
    CHECK(contains(refusal("{}", std::string(100, '[')), "nests too deep"));
  }
}
