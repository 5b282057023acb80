#include "plugins/rag-responder/rag_config.h"
#include "tests/unit/plugin-api/fake_host.h"

using namespace modhost;
using namespace modhost::test;

namespace {

// The seven calls of one answer, in order.
const std::vector<std::string> kConversation = {
    "POST /message-log",     "POST /search/search",           "PATCH /message-log/log_1",
    "POST /message-log",     "POST /openai/chat/completions", "PATCH /message-log/log_2",
    "PATCH /messages/msg_a",
};

struct Run {
  End end;
  std::vector<Call> calls;
  std::vector<LogLine> lines;
};

// One event through the built module.
Run answer(const std::function<Answer(const Call&)>& platform = healthyPlatform,
           const std::string& config = "{}", const SentEvent& event = chosen("Which fees apply?")) {
  const LoadedFile file(RAG_RESPONDER_FILE);
  FakeHost host;
  host.platform = platform;
  HostedModule module(host, file.module(), config);
  REQUIRE(module.refusal() == "");
  const End end = module.handle(event);
  return {end, host.calls(), host.lines()};
}

// A healthy platform but for this search reply.
std::function<Answer(const Call&)> searchAnswers(const std::string& reply) {
  return [reply](const Call& call) {
    return call.path == "/search/search" ? Answer{201, reply} : healthyPlatform(call);
  };
}

std::string systemPrompt(const Run& run) {
  return run.calls.at(4).json().at("messages").at(0).at("content");
}

const std::string kPrompt =
    "You are a helpful assistant. Use the following context from the company knowledge base to "
    "answer "
    "the user's question.\n\nContext:\n";

}  // namespace

TEST_SUITE("rag-responder") {
  TEST_CASE("rag-responder: an answer is seven calls with exactly these members") {
    const Run run = answer();

    CHECK(run.end.kind == MODHOST_OK);
    REQUIRE(run.calls.size() == kConversation.size());
    for (std::size_t i = 0; i < kConversation.size(); ++i)
      CHECK(run.calls[i].name() == kConversation[i]);
    CHECK(run.calls[0].json() == Json{{"messageId", "msg_a"},
                                      {"text", "Searching knowledge base..."},
                                      {"status", "RUNNING"},
                                      {"order", 1}});
    CHECK(run.calls[1].json() ==
          Json{{"searchString", "Which fees apply?"}, {"searchType", "COMBINED"}, {"limit", 3}});
    CHECK(run.calls[2].json() ==
          Json{{"text", "Found 3 relevant documents"}, {"status", "COMPLETED"}});
    CHECK(run.calls[3].json() == Json{{"messageId", "msg_a"},
                                      {"text", "Generating response..."},
                                      {"status", "RUNNING"},
                                      {"order", 2}});
    CHECK(run.calls[4].json() ==
          Json{{"model", "AZURE_GPT_4o_2024_0513"},
               {"messages",
                {{{"role", "system"}, {"content", kPrompt + "alpha\n---\nbeta\n---\ngamma"}},
                 {{"role", "user"}, {"content", "Which fees apply?"}}}},
               {"temperature", 0.3}});
    CHECK(run.calls[5].json() == Json{{"text", "Response generated"}, {"status", "COMPLETED"}});
    CHECK(run.calls[6].json() == Json{{"chatId", "chat_1"}, {"text", "42"}});
  }

  // The step that is open when a call fails is set FAILED, and the apology is left to the host.
  TEST_CASE("rag-responder: a failure at each call closes the open step and goes no further") {
    const std::vector<std::vector<std::string>> closing = {
        {}, {"PATCH /message-log/log_1"}, {"PATCH /message-log/log_1"},
        {}, {"PATCH /message-log/log_2"}, {"PATCH /message-log/log_2"},
        {}};
    for (std::size_t failing = 0; failing < kConversation.size(); ++failing) {
      CAPTURE(failing);
      std::size_t made = 0;
      const Run run = answer([&](const Call& call) {
        return made++ == failing ? Answer{500, R"({"error":"secret"})"} : healthyPlatform(call);
      });

      CHECK(run.end.kind == MODHOST_FAILED);
      CHECK(run.end.text == kConversation[failing] + ": HTTP 500");
      REQUIRE(run.calls.size() == failing + 1 + closing[failing].size());
      for (std::size_t i = 0; i < closing[failing].size(); ++i) {
        CHECK(run.calls[failing + 1 + i].name() == closing[failing][i]);
        CHECK(run.calls[failing + 1 + i].json() == Json{{"status", "FAILED"}});
      }
    }
  }

  TEST_CASE("rag-responder: nothing found is said to the user and to the model") {
    const Run run = answer(searchAnswers("[]"));

    CHECK(run.calls.at(2).json().at("text") == "Found 0 relevant documents");
    CHECK(systemPrompt(run) == kPrompt + "No relevant documents found.");
    CHECK(run.end.kind == MODHOST_OK);
  }

  TEST_CASE("rag-responder: excerpts are the first 500 code points") {
    std::string long_text, kept;
    for (int i = 0; i < 499; ++i) kept += "ä";
    kept += "\U0001F600";
    long_text = kept + "\u0301 and more";

    const Run run = answer(searchAnswers(Json::array({{{"text", long_text}}}).dump()));

    CHECK(systemPrompt(run) == kPrompt + kept);
  }

  TEST_CASE("rag-responder: a result without a text is shown as its JSON") {
    const Run run = answer(searchAnswers(R"([{"title":"Zölle","id":"a"}])"));

    CHECK(systemPrompt(run) == kPrompt + R"({"id":"a","title":"Zölle"})");
  }

  TEST_CASE("rag-responder: a text that is null or no string is a failure") {
    for (const char* reply : {R"([{"text":null}])", R"([{"text":"a"},{"text":7}])"}) {
      const Run run = answer(searchAnswers(reply));

      CHECK(run.end.kind == MODHOST_FAILED);
      CHECK(run.end.text == "a search result's text is not a string");
      CHECK(run.calls.back().name() != "PATCH /messages/msg_a");
    }
  }

  TEST_CASE("rag-responder: a completion without content is a failure") {
    for (const char* reply :
         {"{}", R"({"choices":[]})", R"({"choices":[{"message":{"content":null}}]})",
          R"({"choices":[{"message":{"content":""}}]})"}) {
      const Run run = answer([&](const Call& call) {
        return call.path == "/openai/chat/completions" ? Answer{200, reply} : healthyPlatform(call);
      });

      CHECK(run.end.kind == MODHOST_FAILED);
      CHECK(run.end.text == "the completion has no content");
      REQUIRE(run.calls.size() == 6);
      CHECK(run.calls[5].name() == "PATCH /message-log/log_2");
      CHECK(run.calls[5].json() == Json{{"status", "FAILED"}});
    }
  }

  TEST_CASE("rag-responder: placeholders inside what was found stay as they are") {
    const Run run = answer(searchAnswers(R"([{"text":"{context} {count}"}])"));

    CHECK(systemPrompt(run) == kPrompt + "{context} {count}");
  }

  TEST_CASE("rag-responder: an event that can not be answered is rejected before any call") {
    const Run no_text = answer(healthyPlatform, "{}", chosen(""));
    const Run no_bubble = answer(healthyPlatform, "{}", {.body = R"({"payload":{"text":"Hi"}})"});

    CHECK(no_text.end.kind == MODHOST_REJECT);
    CHECK(no_text.end.text == "the event holds no user text");
    CHECK(no_text.calls.empty());
    CHECK(no_bubble.end.kind == MODHOST_REJECT);
    CHECK(no_bubble.end.text == "the event names no assistant message");
    CHECK(no_bubble.calls.empty());
  }

  TEST_CASE("rag-responder: every setting reaches the wire") {
    const Run run = answer(healthyPlatform, R"json({
        "searching_text": "S", "found_text": "{count}/{count}", "generating_text": "G",
        "generated_text": "D", "search_type": "VECTOR", "limit": 9, "excerpt_code_points": 2,
        "separator": "|", "model": "M", "temperature": 1, "system_prompt": "<{context}>"})json");

    CHECK(run.calls.at(0).json().at("text") == "S");
    CHECK(run.calls.at(1).json().at("searchType") == "VECTOR");
    CHECK(run.calls.at(1).json().at("limit") == 9);
    CHECK(run.calls.at(2).json().at("text") == "3/3");
    CHECK(run.calls.at(3).json().at("text") == "G");
    CHECK(run.calls.at(4).json().at("model") == "M");
    CHECK(run.calls.at(4).json().at("temperature") == 1);
    CHECK(systemPrompt(run) == "<al|be|ga>");
    CHECK(run.calls.at(5).json().at("text") == "D");
    const Run nothing = answer(searchAnswers("[]"), R"({"no_documents_text": "none"})");
    CHECK(systemPrompt(nothing) == kPrompt + "none");
  }

  TEST_CASE("rag-responder: a space overrides only what the operator allows") {
    const Run run = answer(healthyPlatform, R"({"overridable": ["limit"]})",
                           chosen("Hi", {{"limit", 8}, {"model", "expensive"}, {"other", 1}}));

    CHECK(run.calls.at(1).json().at("limit") == 8);
    CHECK(run.calls.at(4).json().at("model") == "AZURE_GPT_4o_2024_0513");
    CHECK(run.lines.empty());
  }

  TEST_CASE("rag-responder: a bad override is ignored with a warning that names the key only") {
    for (const Json& bad :
         {Json("8"), Json(0), Json(1001), Json(2.5), Json(nullptr), Json::array()}) {
      const Run run =
          answer(healthyPlatform, R"({"overridable": ["limit"]})", chosen("Hi", {{"limit", bad}}));

      CHECK(run.end.kind == MODHOST_OK);
      CHECK(run.calls.at(1).json().at("limit") == 3);
      REQUIRE(run.lines.size() == 1);
      CHECK(run.lines[0].level == MODHOST_LOG_WARN);
      CHECK(run.lines[0].fields == R"({"key":"limit"})");
    }
  }

  TEST_CASE("rag-responder: settings that the schema does not accept refuse the start") {
    const LoadedFile file(RAG_RESPONDER_FILE);
    FakeHost host;
    const auto refusal = [&](const char* config) {
      return HostedModule(host, file.module(), config).refusal();
    };

    CHECK(refusal(R"({"limitt": 3})") == "unknown setting limitt");
    CHECK(refusal(R"({"limit": "3"})") == "setting limit has a value that is not accepted");
    CHECK(refusal(R"({"temperature": 3})") ==
          "setting temperature has a value that is not accepted");
    CHECK(refusal(R"({"search_type": "x"})") ==
          "setting search_type has a value that is not accepted");
    CHECK(refusal(R"({"model": ""})") == "setting model has a value that is not accepted");
    for (const char* bad : {R"({"overridable": ["x"]})", R"({"overridable": [1]})",
                            R"({"overridable": ["overridable"]})"}) {
      CHECK(refusal(bad) == "setting overridable names something that is not a setting");
    }
  }

  TEST_CASE("rag-responder: the defaults are the model conversation's") {
    std::vector<std::string> ignored;
    const rag::RagConfig config =
        rag::RagSettings(Json::object()).forSpace(Json::object(), ignored);

    CHECK(config.limit == 3);
    CHECK(config.excerpt_code_points == 500);
    CHECK(config.temperature == 0.3);
    CHECK(config.separator == "\n---\n");
    CHECK(ignored.empty());
  }
}
