#include "host/event/json_walk.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "tests/support/events.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;

// Builds what it hears; of a number that is no integer that fits, null.
class Builder final : public JsonListener {
 public:
  Json built;

  bool key(std::string_view name) override {
    key_ = name;
    return true;
  }
  bool string(std::string_view text) override { return add(std::string(text)); }
  bool number(std::optional<std::int64_t> integer) override {
    return add(integer ? Json(*integer) : Json());
  }
  bool literal() override { return add(Json()); }
  bool openObject() override { return open(Json::object()); }
  bool openArray() override { return open(Json::array()); }
  bool close() override {
    const Json inner = std::move(open_.back().value);
    key_ = open_.back().key;
    open_.pop_back();
    return add(inner);
  }

 private:
  struct Open {
    Json value;
    std::string key;  // under which it goes into the one around it
  };

  bool open(Json empty) {
    open_.push_back({std::move(empty), key_});
    return true;
  }
  bool add(const Json& value) {
    if (open_.empty()) {
      built = value;
    } else if (open_.back().value.is_array()) {
      open_.back().value.push_back(value);
    } else {
      open_.back().value[key_] = value;
    }
    return true;
  }

  std::vector<Open> open_;
  std::string key_;
};

// What Builder makes of the same values.
Json asHeard(const Json& value) {
  if (value.is_string()) return value;
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() || value.get<std::uint64_t>() <= INT64_MAX);
  if (!value.is_structured()) return fits ? Json(value.get<std::int64_t>()) : Json();
  Json heard = value;
  for (Json& item : heard) item = asHeard(item);
  return heard;
}

JsonFault faultOf(std::string_view text) {
  Builder builder;
  return JsonWalk(text, builder).run();
}

void checkAsTheLibrary(const std::string& text) {
  CAPTURE(text);
  Builder builder;
  const bool taken = JsonWalk(text, builder).run() == JsonFault::kNone;
  const Json document = Json::parse(text, nullptr, false);
  REQUIRE(taken == !document.is_discarded());
  if (taken) REQUIRE(builder.built == asHeard(document));
}

const std::vector<std::string> kSamples = {
    chosenEventBody("evt_1"),
    R"({"a":[1,-0,0.5,-1.5e+3,2E-2,9223372036854775807,9223372036854775808,18446744073709551616],"b":{}})",
    R"(["\"\\\/\b\f\n\r\t","\u0041\u00e9\u20AC\ud83d\ude00","a\u0007b", "" , true,false,null,[],[ ]])",
    "\xEF\xBB\xBF{\"\xC3\xA9\":\"\xE2\x82\xAC\xF0\x9F\x98\x80\x7F\"} \t\r\n",
    R"({"a":1,"a":{"a":[[[]]]},"\u0061":"x"})",
    R"([1e308,1e309,-1e999,1e-400,123456789012345678901234567890])"};

// Pieces that matter to a parser, among bytes that do not.
std::string mutated(std::string text, std::mt19937& random) {
  static const std::vector<std::string> kPieces = {
      "\"",   "\\",   "\\u",      "\\ud83d", "\\udc00", "{",    "}",   "[",    "]",
      ",",    ":",    "-",        "0",       "1",       "e",    ".",   "true", "null",
      "\xC3", "\xED", "\xF0\x9F", " ",       "\n",      "\x01", "\x80"};
  const auto below = [&](std::size_t end) { return random() % end; };
  for (std::size_t i = 0; i <= below(3); ++i) {
    const std::size_t at = below(text.size() + 1);
    const std::size_t cut = std::min(below(3), text.size() - at);
    text.replace(at, cut, below(3) == 0 ? "" : kPieces[below(kPieces.size())]);
  }
  return text;
}

}  // namespace

TEST_SUITE("event") {
  TEST_CASE("json: what the library takes is taken and read alike") {
    for (const std::string& text : kSamples) checkAsTheLibrary(text);
    for (const char* text :
         {"",      " ",       "1",           "-",           "01",   "-01",     "1.",
          ".5",    "1e",      "1e+",         "+1",          "tru",  "truex",   "\"",
          "\"\\",  "\"\\u12", "\"\\u+123\"", "\"\\x\"",     "[1,]", "{\"a\"}", "{\"a\":1,}",
          "{1:2}", "[]]",     "\xEF\xBB",    "\xEF\xBB\xBF"}) {
      checkAsTheLibrary(text);
    }
  }

  TEST_CASE("json: mutated texts are judged and read as the library does") {
    std::mt19937 random(7);
    for (int i = 0; i < 20'000; ++i) {
      checkAsTheLibrary(mutated(kSamples[static_cast<std::size_t>(i) % kSamples.size()], random));
    }
  }

  TEST_CASE("json: of several faults the first is told") {
    CHECK(faultOf("[\"\xFF\", tru") == JsonFault::kNotUtf8);
    CHECK(faultOf("[tru, \"\xFF\"") == JsonFault::kNotJson);
    CHECK(faultOf("[\"a\nb\", \"\xFF\"]") == JsonFault::kNotJson);
    CHECK(faultOf("\xFF") == JsonFault::kNotJson);
    CHECK(faultOf(std::string("[\"\0\"]", 5)) == JsonFault::kNotJson);
  }
}

}  // namespace modhost::host
