#include "tests/unit/plugin-api/scripted_module.h"

using namespace modhost;
using namespace modhost::test;

namespace {

// Runs `work` against a platform that answers everything with `answer`; the one call it made.
Call theCall(const Answer& answer, const std::function<void(const UniqueClient&)>& work) {
  FakeHost host;
  host.platform = [&](const Call&) { return answer; };
  const End end = run(host, [&](const Event&, Context& context) {
    work(context.unique());
    return Outcome::ok();
  });
  CHECK(end.text.empty());
  REQUIRE(host.calls().size() == 1);
  return host.calls()[0];
}

// The error that `work` ends with when everything is answered with `answer`.
UniqueError theError(const Answer& answer, const std::function<void(const UniqueClient&)>& work) {
  FakeHost host;
  host.platform = [&](const Call&) { return answer; };
  std::optional<UniqueError> caught;
  run(host, [&](const Event&, Context& context) {
    try {
      work(context.unique());
    } catch (const UniqueError& error) {
      caught = error;
    }
    return Outcome::ok();
  });
  REQUIRE(caught.has_value());
  return *caught;
}

void search(const UniqueClient& unique) { unique.search({.search_string = "fees"}); }

using Kind = UniqueError::Kind;

}  // namespace

TEST_SUITE("plugin-api") {
  TEST_CASE("plugin-api: search sends the three members of the contract") {
    const Call call = theCall({201, "[]"}, [](const UniqueClient& unique) {
      CHECK(unique.search({.search_string = "fees", .limit = 3}).empty());
    });

    CHECK(call.name() == "POST /search/search");
    CHECK(call.json() == Json{{"searchString", "fees"}, {"searchType", "COMBINED"}, {"limit", 3}});
  }

  TEST_CASE("plugin-api: optional members of a search are sent when set") {
    const Call call = theCall({201, "[]"}, [](const UniqueClient& unique) {
      unique.search({.search_string = "fees",
                     .search_type = "VECTOR",
                     .page = 2,
                     .score_threshold = 0.5,
                     .chat_only = false,
                     .scope_ids = std::vector<std::string>{"s"},
                     .meta_data_filter = {{"path", "x"}}});
    });

    CHECK(call.json() == Json{{"searchString", "fees"},
                              {"searchType", "VECTOR"},
                              {"page", 2},
                              {"scoreThreshold", 0.5},
                              {"chatOnly", false},
                              {"scopeIds", {"s"}},
                              {"metaDataFilter", {{"path", "x"}}}});
  }

  TEST_CASE("plugin-api: search results keep what is not typed") {
    theCall({201, R"([{"id":"c","chunkId":"k","title":"T","text":null,"score":0.5}])"},
            [](const UniqueClient& unique) {
              const std::vector<SearchResult> results = unique.search({.search_string = "x"});
              REQUIRE(results.size() == 1);
              CHECK(results[0].id == "c");
              CHECK(results[0].chunk_id == "k");
              CHECK(results[0].title == "T");
              CHECK(results[0].text.empty());
              CHECK(results[0].raw.at("text").is_null());
              CHECK(results[0].raw.at("score") == 0.5);
            });
  }

  TEST_CASE("plugin-api: a completion sends temperature at the top level") {
    const Call call = theCall(
        {201, R"({"model":"m","choices":[{"message":{"content":"hi"}}]})"},
        [](const UniqueClient& unique) {
          const ChatCompletion completion = unique.completeChat(
              {.model = "m",
               .messages = {{.role = "system", .content = "s"}, {.role = "user", .content = "u"}},
               .temperature = 0.3});
          CHECK(completion.content == "hi");
        });

    CHECK(call.name() == "POST /openai/chat/completions");
    CHECK(call.json() ==
          Json{{"model", "m"},
               {"messages",
                {{{"role", "system"}, {"content", "s"}}, {{"role", "user"}, {"content", "u"}}}},
               {"temperature", 0.3}});
  }

  TEST_CASE("plugin-api: a completion without content has none") {
    for (const char* reply :
         {"{}", R"({"choices":[]})", R"({"choices":{}})", R"({"choices":[null]})",
          R"({"choices":[{"message":null}]})", R"({"choices":[{"message":{"content":null}}]})",
          R"({"choices":[{"message":{"content":["x"]}}]})"}) {
      theCall({200, reply}, [](const UniqueClient& unique) {
        CHECK_FALSE(unique.completeChat({.model = "m"}).content.has_value());
      });
    }
  }

  TEST_CASE("plugin-api: modify fills the ids of the event") {
    const Call call = theCall(
        {200, "{}"}, [](const UniqueClient& unique) { unique.modifyMessage({.text = "Hello!"}); });

    CHECK(call.name() == "PATCH /messages/msg_a");
    CHECK(call.json() == Json{{"chatId", "chat_1"}, {"text", "Hello!"}});
  }

  TEST_CASE("plugin-api: modify takes other ids and clears references") {
    const Call call = theCall({200, "{}"}, [](const UniqueClient& unique) {
      unique.modifyMessage({.message_id = "a/b c",
                            .chat_id = "other",
                            .references = Json::array(),
                            .completed_at = "2026-01-01T00:00:00.000Z"});
    });

    CHECK(call.path == "/messages/a%2Fb+c");
    CHECK(call.json() == Json{{"chatId", "other"},
                              {"references", Json::array()},
                              {"completedAt", "2026-01-01T00:00:00.000Z"}});
  }

  TEST_CASE("plugin-api: a message event names its message") {
    const Call call = theCall(
        {201, "{}"}, [](const UniqueClient& unique) { unique.createMessageEvent({.text = "He"}); });

    CHECK(call.name() == "POST /messages/msg_a/event");
    CHECK(call.json() == Json{{"messageId", "msg_a"}, {"chatId", "chat_1"}, {"text", "He"}});
  }

  TEST_CASE("plugin-api: create message defaults to the event's chat and assistant") {
    const Call call = theCall({201, R"({"id":"new"})"}, [](const UniqueClient& unique) {
      CHECK(unique.createMessage({.text = "Hi"}).id == "new");
    });

    CHECK(call.name() == "POST /messages");
    CHECK(call.json() == Json{{"chatId", "chat_1"},
                              {"assistantId", "assistant_1"},
                              {"role", "ASSISTANT"},
                              {"text", "Hi"}});
  }

  TEST_CASE("plugin-api: get and list send no body") {
    const Call get =
        theCall({200, R"({"id":"msg_a","role":"ASSISTANT","text":"t","userAbortedAt":"2026"})"},
                [](const UniqueClient& unique) {
                  const Message message = unique.getMessage();
                  CHECK(message.text == "t");
                  CHECK(message.aborted_by_user);
                });
    const Call list =
        theCall({200, R"({"object":"list","data":[{"id":"a","text":null},{"id":"b"}]})"},
                [](const UniqueClient& unique) {
                  const std::vector<Message> messages = unique.listMessages({.chat_id = "c d"});
                  REQUIRE(messages.size() == 2);
                  CHECK(messages[0].id == "a");
                  CHECK_FALSE(messages[0].text.has_value());
                  CHECK_FALSE(messages[1].aborted_by_user);
                });

    CHECK(get.name() == "GET /messages/msg_a?chatId=chat_1");
    CHECK(get.body.empty());
    CHECK(list.name() == "GET /messages?chatId=c+d");
    CHECK(list.body.empty());
  }

  TEST_CASE("plugin-api: any other call goes through request") {
    const Call call = theCall({204, ""}, [](const UniqueClient& unique) {
      CHECK(unique.request("PUT", "/short-term-memory", {{"key", "k"}}).is_null());
    });

    CHECK(call.name() == "PUT /short-term-memory");
    CHECK(call.json() == Json{{"key", "k"}});
  }

  TEST_CASE("plugin-api: text that is not UTF-8 is sent with replacement characters") {
    const Call call = theCall(
        {200, "{}"}, [](const UniqueClient& unique) { unique.modifyMessage({.text = "a\xFFz"}); });

    CHECK(call.json().at("text") == "a\xEF\xBF\xBDz");
  }

  TEST_CASE("plugin-api: a status that is not 2xx is an error with the platform's code and type") {
    const UniqueError nested = theError(
        {400,
         R"({"error":{"message":"secret text","type":"invalid_request_error","code":"bad_limit"}})"},
        search);
    const UniqueError flat = theError({403, R"({"code":"no_access","message":"secret"})"}, search);
    const UniqueError caused = theError(
        {500, R"({"error":{"type":"api_error","cause":{"error":{"code":"x"},"status":404}}})"},
        search);

    CHECK(nested.kind() == Kind::kStatus);
    CHECK(nested.status() == 400);
    CHECK(nested.code() == "bad_limit");
    CHECK(nested.type() == "invalid_request_error");
    CHECK(std::string(nested.what()) ==
          "POST /search/search: HTTP 400 (invalid_request_error, bad_limit)");
    CHECK(std::string(flat.what()) == "POST /search/search: HTTP 403 (no_access)");
    CHECK(caused.status() == 404);
    CHECK(std::string(caused.what()) == "POST /search/search: HTTP 500, caused by 404 (api_error)");
  }

  TEST_CASE("plugin-api: hostile error bodies say nothing but the status") {
    const std::string bomb(1'000'000, '[');
    for (const std::string& body :
         {std::string("<html>secret</html>"), std::string("[\"secret\"]"),
          std::string("\"secret\""), std::string(), bomb, std::string(R"({"error":"secret text"})"),
          std::string(R"({"error":null,"code":null,"type":["secret"]})"),
          std::string(R"({"error":{"code":"two words","type":{"secret":1},"cause":"secret"}})"),
          std::string(R"({"error":{"cause":{"status":"404"}}})"),
          std::string(R"({"error":{"cause":{"status":99999999999}}})"),
          R"({"code":")" + std::string(65, 'x') + R"("})"}) {
      const UniqueError error = theError({502, body}, search);
      CHECK(std::string(error.what()) == "POST /search/search: HTTP 502");
      CHECK(error.status() == 502);
    }
  }

  TEST_CASE("plugin-api: redirects are errors too") {
    CHECK(theError({302, ""}, search).status() == 302);
    CHECK(theError({100, ""}, search).status() == 100);
  }

  TEST_CASE("plugin-api: replies that are not what the call answers are garbage") {
    const std::string bomb = std::string(100'000, '[') + std::string(100'000, ']');
    for (const std::string& body :
         {std::string("<html>secret</html>"), bomb, std::string("{}"), std::string("null"),
          std::string(), std::string("[null]"), std::string(R"(["secret"])"), std::string("[[]]"),
          std::string("[{\"text\":\"\xFF\"}]")}) {
      const UniqueError error = theError({200, body}, search);
      CHECK(error.kind() == Kind::kGarbage);
      CHECK(std::string(error.what()).find("secret") == std::string::npos);
    }
    const auto list = [](const UniqueClient& unique) { unique.listMessages(); };
    CHECK(theError({200, "{}"}, list).kind() == Kind::kGarbage);
    CHECK(theError({200, R"({"data":{}})"}, list).kind() == Kind::kGarbage);
    const auto complete = [](const UniqueClient& unique) { unique.completeChat({.model = "m"}); };
    CHECK(theError({200, "[]"}, complete).kind() == Kind::kGarbage);
  }

  TEST_CASE("plugin-api: a call without a reply says why") {
    CHECK(theError({.error = MODHOST_CALL_REFUSED}, search).kind() == Kind::kRefused);
    CHECK(theError({.error = MODHOST_CALL_CANCELLED}, search).kind() == Kind::kCancelled);
    CHECK(theError({.error = MODHOST_CALL_TIMEOUT}, search).kind() == Kind::kTimeout);
    CHECK(theError({.error = MODHOST_CALL_UNAVAILABLE}, search).kind() == Kind::kUnavailable);
    CHECK(theError({.error = 99}, search).kind() == Kind::kUnavailable);
    CHECK(theError({.error = MODHOST_CALL_TIMEOUT}, search).status() == 0);
  }

  TEST_CASE("plugin-api: an error never shows the query of a path") {
    const UniqueError error = theError({404, "{}"}, [](const UniqueClient& unique) {
      unique.request("GET", "/find?text=secret");
    });

    CHECK(std::string(error.what()) == "GET /find: HTTP 404");
  }

  TEST_CASE("plugin-api: a large reply arrives whole") {
    const std::string large(8'000'000, 'x');

    theCall({200, Json::array({{{"text", large}}}).dump()}, [&](const UniqueClient& unique) {
      CHECK(unique.search({.search_string = "x"}).at(0).text == large);
    });
  }

  TEST_CASE("plugin-api: replies may come on another thread") {
    FakeHost host;
    host.answers_from_another_thread = true;

    const End end = run(host, [](const Event&, Context& context) {
      for (int i = 0; i < 200; ++i)
        CHECK(context.unique().search({.search_string = "x"}).size() == 3);
      return Outcome::ok();
    });

    CHECK(end.kind == MODHOST_OK);
    CHECK(host.calls().size() == 200);
  }

  TEST_CASE("plugin-api: calls without an id in hand or event never leave the module") {
    FakeHost host;
    const SentEvent bare{.body = R"({"payload":{}})", .chat_id = ""};
    const auto words = [&](const std::function<void(const UniqueClient&)>& work) {
      return run(
                 host,
                 [&](const Event&, Context& context) {
                   work(context.unique());
                   return Outcome::ok();
                 },
                 bare)
          .text;
    };

    CHECK(words([](const UniqueClient& unique) { unique.modifyMessage({.text = "x"}); }) ==
          "the event names no assistant message, and no message id is given");
    CHECK(words([](const UniqueClient& unique) { unique.listMessages(); }) ==
          "the event names no chat, and no chat id is given");
    CHECK(words([](const UniqueClient& unique) { unique.createMessage({.chat_id = "c"}); }) ==
          "no assistant id is given");
    CHECK(words([](const UniqueClient& unique) { unique.updateMessageLog({.text = "x"}); }) ==
          "updateMessageLog: no id is given");
    CHECK(host.calls().empty());
  }
}
