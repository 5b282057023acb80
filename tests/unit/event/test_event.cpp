#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "host/base/json_depth.h"
#include "host/event/event.h"
#include "tests/support/events.h"

namespace modhost::host {
namespace {

const WallTime kReceived{Milliseconds(1'767'225'601'000)};

std::string envelope(const std::string& more = "") {
  return R"({"event":"e","userId":"u","companyId":"c")" + (more.empty() ? "" : "," + more) + "}";
}

Event parsed(const std::string& body) {
  Result<ParsedEvent> result = parseEvent(body, kReceived);
  REQUIRE(result.ok());
  return *result.value().event;
}

std::optional<std::int64_t> createdAt(const std::string& member) {
  Result<ParsedEvent> result = parseEvent(envelope(member), kReceived);
  REQUIRE(result.ok());
  return result.value().created_at;
}

std::string whyNot(const std::string& body) {
  const Result<ParsedEvent> result = parseEvent(body, kReceived);
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().kind == ErrorKind::kInvalid);
  return result.error().message;
}

std::string nested(int depth) {
  const auto n = static_cast<std::size_t>(depth);
  return std::string(n, '[') + std::string(n, ']');
}

}  // namespace

TEST_SUITE("event") {
  TEST_CASE("event: the members of a chosen event are read") {
    const Event event = parsed(chosenEventBody("evt_1"));

    CHECK(event.id == "evt_1");
    CHECK(event.type == "unique.chat.external-module.chosen");
    CHECK(event.user_id == "101");
    CHECK(event.company_id == "202");
    CHECK(event.chat_id == "chat_aa11");
    CHECK(event.assistant_message_id == "msg_a_evt_1");
    CHECK(event.received_at == kReceived);
  }

  TEST_CASE("event: the body keeps its bytes") {
    const std::string body =
        " {\"event\":\"e\" ,\"userId\":\"u\",\"companyId\":\"c\",\"n\":1.50e+1} \n";

    CHECK(parsed(body).body == body);
  }

  TEST_CASE("event: the body moves into the event and is not copied") {
    std::string body = envelope(R"("pad":")" + std::string(1000, 'x') + "\"");
    const char* bytes = body.data();

    const Result<ParsedEvent> result = parseEvent(std::move(body), kReceived);

    REQUIRE(result.ok());
    CHECK(result.value().event->body.data() == bytes);
  }

  TEST_CASE("event: a refused body stays with its caller") {
    std::string body = R"({"event":"e"})";

    const Result<ParsedEvent> result = parseEvent(std::move(body), kReceived);

    REQUIRE_FALSE(result.ok());
    CHECK(body == R"({"event":"e"})");
  }

  TEST_CASE("event: the whole document is there for who needs it") {
    const Event event = parsed(envelope(R"("payload":{"name":"n"})"));

    CHECK(documentOf(event).at("payload").at("name") == "n");
  }

  TEST_CASE("event: of a member that stands twice the last counts, whatever it is") {
    CHECK(parsed(envelope(R"("id":"a","id":"b")")).id == "b");
    CHECK(parsed(envelope(R"("id":"a","id":7)")).id.starts_with("sha256:"));
    CHECK(whyNot(envelope(R"("userId":null)")) == "no string userId");
    const Event emptied =
        parsed(envelope(R"("payload":{"chatId":"a","assistantMessage":{"id":"m"}},"payload":[])"));
    CHECK(emptied.chat_id.empty());
    CHECK(emptied.assistant_message_id.empty());
    CHECK(
        parsed(envelope(R"("payload":{"assistantMessage":{"id":"m"},"assistantMessage":{"x":1}})"))
            .assistant_message_id.empty());
  }

  TEST_CASE("event: the same names elsewhere in the body mean nothing") {
    const Event event = parsed(envelope(
        R"("id":"a","other":{"id":"x","event":"y","payload":{"chatId":"z"}},"list":["id",{"id":"x"}])"
        R"(,"payload":{"userMessage":{"id":"u","chatId":"no"},"chats":[{"chatId":"no"}],"id":"no"})"));

    CHECK(event.id == "a");
    CHECK(event.type == "e");
    CHECK(event.chat_id.empty());
    CHECK(event.assistant_message_id.empty());
  }

  TEST_CASE("event: the chat id is found in each of its three spellings") {
    CHECK(parsed(envelope(R"("payload":{"chatId":"a"})")).chat_id == "a");
    CHECK(parsed(envelope(R"("payload":{"chatid":"b"})")).chat_id == "b");
    CHECK(parsed(envelope(R"("payload":{"chat_id":"c"})")).chat_id == "c");
    CHECK(parsed(envelope(R"("payload":{"chat_id":"c","chatid":"b","chatId":"a"})")).chat_id ==
          "a");
    CHECK(parsed(envelope(R"("payload":{"chatId":7,"chatid":"b"})")).chat_id == "b");
  }

  TEST_CASE("event: a payload of any other shape names no chat and no message") {
    for (const char* payload : {"null", "[]", "\"text\"", "7", "{}", R"({"assistantMessage":"m"})",
                                R"({"assistantMessage":{"id":7}})", R"({"chatId":{"id":"x"}})"}) {
      CAPTURE(payload);
      const Event event = parsed(envelope(std::string(R"("payload":)") + payload));
      CHECK(event.chat_id.empty());
      CHECK(event.assistant_message_id.empty());
    }
  }

  TEST_CASE("event: a body without a usable id is known by its hash") {
    const std::string none = envelope();
    CHECK(parsed(none).id == bodyId(none));
    CHECK(parsed(none).id.substr(0, 7) == "sha256:");
    CHECK(parsed(none).id.size() == 7 + 64);

    for (const std::string& id : {std::string(R"("")"), std::string("7"), std::string("null"),
                                  std::string(R"("a\u0000b")"), std::string(R"("a\nb")"),
                                  std::string(R"("\u007f")"), '"' + std::string(513, 'x') + '"'}) {
      const std::string body = envelope(R"("id":)" + id);
      CAPTURE(body);
      CHECK(parsed(body).id == bodyId(body));
    }
    CHECK(parsed(envelope(R"("id":")" + std::string(512, 'x') + '"')).id == std::string(512, 'x'));
  }

  TEST_CASE("event: the hash of known bytes is the known one") {
    CHECK(bodyId("") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  }

  TEST_CASE("event: what is missing is named") {
    CHECK(whyNot(R"({"userId":"u","companyId":"c"})") == "no string event");
    CHECK(whyNot(R"({"event":"e","companyId":"c"})") == "no string userId");
    CHECK(whyNot(R"({"event":"e","userId":"u"})") == "no string companyId");
    CHECK(whyNot(R"({"event":1,"userId":"u","companyId":"c"})") == "no string event");
    CHECK(whyNot(R"({"event":"e","userId":null,"companyId":"c"})") == "no string userId");
  }

  TEST_CASE("event: a user or company that would forge a header is refused") {
    CHECK(whyNot(R"({"event":"e","userId":"u\r\nX-Evil: 1","companyId":"c"})") ==
          "control bytes in userId");
    CHECK(whyNot(R"({"event":"e","userId":"u","companyId":"c\u0000"})") ==
          "control bytes in companyId");
  }

  TEST_CASE("event: what is no object is refused") {
    for (const char* body : {"[]", "null", "7", "\"text\"", "true"}) {
      CAPTURE(body);
      CHECK(whyNot(body) == "not an object");
    }
  }

  TEST_CASE("event: what is no JSON is refused without being quoted") {
    for (const std::string& body :
         {std::string(), std::string("{"), std::string("secret text"), std::string("{\"a\":}"),
          std::string("{} {}"), std::string("{\"a\":1,}"), std::string("NaN"),
          std::string("{'a':1}"), std::string("\"\\ud800\""), std::string("\"\\udc00\\ud800\""),
          std::string("\"a\0b\"", 5), std::string("{}\0", 3), std::string("1e99999"),
          std::string("/* c */ {}")}) {
      CAPTURE(body);
      CHECK(whyNot(body) == "not JSON");
    }
  }

  TEST_CASE("event: bytes that are not UTF-8 are refused and called so") {
    CHECK(whyNot("{\"event\":\"\xff\"}") == "not UTF-8");
    CHECK(whyNot("{\"event\":\"\xc3\"}") == "not UTF-8");
    CHECK(whyNot("{\"event\":\"\xed\xa0\x80\"}") == "not UTF-8");  // a surrogate, encoded
    CHECK(whyNot("{\"event\":\"\xc0\xaf\"}") == "not UTF-8");      // an overlong slash
  }

  TEST_CASE("event: depth is bounded, whatever follows") {
    CHECK(parsed(envelope(R"("deep":)" + nested(kJsonDepthMax - 1))).type == "e");
    CHECK(whyNot(envelope(R"("deep":)" + nested(kJsonDepthMax))) == "nested too deep");
    CHECK(whyNot(std::string(1'000'000, '[')) == "not an object");
    CHECK(whyNot("{\"a\":" + std::string(1'000'000, '[')) == "nested too deep");
  }

  TEST_CASE("event: numbers beyond every type and members that stand twice do no harm") {
    CHECK(parsed(envelope(R"("n":123456789012345678901234567890)")).type == "e");
    CHECK(parsed(R"({"event":"a","event":"b","userId":"u","companyId":"c"})").type == "b");
  }

  TEST_CASE("event: a refused body is kept under its hash with its bytes and nothing else") {
    const Event kept = unreadableEvent("\xff\x00garbage", kReceived);

    CHECK(kept.id == bodyId(kept.body));
    CHECK(kept.received_at == kReceived);
    CHECK(kept.type.empty());
  }

  TEST_CASE("event: createdAt is read as a number and as digits") {
    CHECK(createdAt(R"("createdAt":1767225601)") == 1767225601);
    CHECK(createdAt(R"("createdAt":"1767225600")") == 1767225600);
    for (const char* value :
         {"\"1767225600 \"", "\"soon\"", "\"\"", "1.5", "null", "\"99999999999999999999\"",
          "\"-5\"", "18446744073709551615", "{}", "[1767225601]", R"({"createdAt":1767225601})"}) {
      CAPTURE(value);
      CHECK_FALSE(createdAt(std::string(R"("createdAt":)") + value).has_value());
    }
    CHECK_FALSE(createdAt("").has_value());
  }
}

}  // namespace modhost::host
