// The main job, request by request: one chosen event becomes the seven calls of the model
// conversation, in order, with exactly their methods, paths, headers and JSON members.
#include "tests/system/main_job.h"

#include <doctest/doctest.h>
#include <signal.h>

namespace modhost::host {
namespace {

using nlohmann::json;

void checkHeaders(const RecordedCall& call) {
  CHECK(call.headers.at("authorization") == "Bearer key-of-the-test");
  CHECK(call.headers.at("x-app-id") == "app-of-the-test");
  CHECK(call.headers.at("x-user-id") == "101");
  CHECK(call.headers.at("x-company-id") == "202");
  CHECK(call.headers.at("x-api-version") == "2023-12-06");
  CHECK(call.headers.at("content-type") == "application/json");
  CHECK(call.headers.at("user-agent").rfind("modhost/", 0) == 0);
}

void checkCall(const RecordedCall& call, const std::string& method, const std::string& path,
               const json& body) {
  CHECK(call.method == method);
  CHECK(call.path == path);
  CHECK(call.json == body);
  checkHeaders(call);
}

// One event through a fresh host; the calls it made.
struct Conversation {
  explicit Conversation(const std::string& isolation) : host(platform.apiBase()) {
    // Looks for the user's stop would be further calls on a machine that is slow enough.
    host.configure(mainJobModules(host, isolation) + "dispatch: {stop_poll: 0}\n");
  }
  void ask(const std::string& id, const std::string& text) {
    host.start();
    REQUIRE(postWebhook(host.port(), chosenEventBody(id, text)).body == R"({"success":true})");
    REQUIRE(platform.waitFor([&] { return answered(platform, id); }));
  }
  std::string systemPrompt() const { return platform.calls().at(4).json["messages"][0]["content"]; }

  RecordingPlatform platform;
  HostProcess host;
};

constexpr char kPromptHead[] =
    "You are a helpful assistant. Use the following context from the company knowledge base to "
    "answer the "
    "user's question.\n\nContext:\n";

json document(const json& text) {
  return {{"id", "cont_1"}, {"chunkId", "chunk_1"}, {"text", text}};
}

void checkSevenCalls(const std::string& isolation) {
  Conversation conversation(isolation);
  conversation.platform.setSearchResults({document("one"), document("two"), document("three")});
  conversation.platform.setCompletion("The fee is 5.");

  conversation.ask("evt_1", "Which fees apply?");

  const auto calls = conversation.platform.calls();
  REQUIRE(calls.size() == 7);
  const std::string first = conversation.platform.rows().at(0).id;
  const std::string second = conversation.platform.rows().at(1).id;
  checkCall(calls[0], "POST", "/message-log",
            {{"messageId", "msg_a_evt_1"},
             {"text", "Searching knowledge base..."},
             {"status", "RUNNING"},
             {"order", 1}});
  checkCall(calls[1], "POST", "/search/search",
            {{"searchString", "Which fees apply?"}, {"searchType", "COMBINED"}, {"limit", 3}});
  checkCall(calls[2], "PATCH", "/message-log/" + first,
            {{"text", "Found 3 relevant documents"}, {"status", "COMPLETED"}});
  checkCall(calls[3], "POST", "/message-log",
            {{"messageId", "msg_a_evt_1"},
             {"text", "Generating response..."},
             {"status", "RUNNING"},
             {"order", 2}});
  const json system = {{"role", "system"},
                       {"content", std::string(kPromptHead) + "one\n---\ntwo\n---\nthree"}};
  const json user = {{"role", "user"}, {"content", "Which fees apply?"}};
  checkCall(
      calls[4], "POST", "/openai/chat/completions",
      {{"model", "AZURE_GPT_4o_2024_0513"}, {"messages", {system, user}}, {"temperature", 0.3}});
  checkCall(calls[5], "PATCH", "/message-log/" + second,
            {{"text", "Response generated"}, {"status", "COMPLETED"}});
  checkCall(calls[6], "PATCH", "/messages/msg_a_evt_1",
            {{"chatId", "chat_aa11"}, {"text", "The fee is 5."}});
}

}  // namespace

TEST_SUITE_BEGIN("system");

TEST_CASE("main job: one question makes the seven calls in order from a worker") {
  checkSevenCalls("worker");
}

TEST_CASE("main job: one question makes the seven calls in order in process") {
  checkSevenCalls("in_process");
}

TEST_CASE("main job: texts are cut at 500 code points and never inside one") {
  Conversation conversation("worker");
  std::string emoji_600;
  for (int i = 0; i < 600; ++i) emoji_600 += "\xf0\x9f\x98\x80";
  std::string umlauts_500;
  for (int i = 0; i < 500; ++i) umlauts_500 += "\xc3\xa4";
  conversation.platform.setSearchResults({document(emoji_600), document(umlauts_500)});

  conversation.ask("evt_2", "Z\xc3\xbcrich?");

  CHECK(conversation.systemPrompt() ==
        kPromptHead + emoji_600.substr(0, 2000) + "\n---\n" + umlauts_500);
  CHECK(conversation.platform.calls().at(1).json["searchString"] == "Z\xc3\xbcrich?");
}

TEST_CASE("main job: no results are said in the step and in the prompt") {
  Conversation conversation("in_process");
  conversation.platform.setSearchResults({});

  conversation.ask("evt_3", "Anything?");

  CHECK(conversation.platform.calls().at(2).json["text"] == "Found 0 relevant documents");
  CHECK(conversation.systemPrompt() == std::string(kPromptHead) + "No relevant documents found.");
}

TEST_CASE("main job: a result without text contributes its JSON") {
  Conversation conversation("worker");
  conversation.platform.setSearchResults({{{"id", "cont_9"}}, document("two")});

  conversation.ask("evt_4", "Anything?");

  CHECK(conversation.systemPrompt() ==
        std::string(kPromptHead) + R"({"id":"cont_9"})" + "\n---\ntwo");
}

TEST_CASE("main job: the user's message is recorded and its text stays out of the host's log") {
  for (const std::string isolation : {"worker", "in_process"}) {
    CAPTURE(isolation);
    Conversation conversation(isolation);
    conversation.host.start();

    REQUIRE(postWebhook(conversation.host.port(), userMessageEventBody("evt_5", "my secret words"))
                .status == 200);

    const std::string records = conversation.host.file("messages.jsonl");
    REQUIRE(eventually([&] { return fileText(records).find('\n') != std::string::npos; }));
    const json record = json::parse(fileText(records));
    CHECK(record["eventId"] == "evt_5");
    CHECK(record["text"] == "my secret words");
    CHECK(record["chatId"] == "chat_aa11");
    CHECK(conversation.host.terminate().exit_status == 0);
    CHECK(conversation.host.log().find("my secret words") == std::string::npos);
    CHECK(conversation.platform.callCount() == 0);
  }
}

TEST_CASE("main job: an event delivered twice is answered once") {
  Conversation conversation("worker");
  conversation.ask("evt_6", "Once?");

  CHECK(postWebhook(conversation.host.port(), chosenEventBody("evt_6", "Once?")).body ==
        R"({"success":true})");
  CHECK(conversation.host.terminate().exit_status == 0);

  CHECK(conversation.platform.callCount() == 7);
}

TEST_CASE("main job: an answer under way is finished before the host stops") {
  Conversation conversation("worker");
  const auto held = conversation.platform.hold({.method = "POST", .path_prefix = "/openai"});
  conversation.host.start();
  REQUIRE(postWebhook(conversation.host.port(), chosenEventBody("evt_7")).status == 200);
  REQUIRE(held->waitForArrivals());

  conversation.host.signal(SIGTERM);
  REQUIRE(
      eventually([&] { return conversation.host.log().find("stopping") != std::string::npos; }));
  held->release();
  const ProcessEnd end = conversation.host.wait();  // a second signal would end the drain at once

  CHECK(end.exit_status == 0);
  CHECK(answered(conversation.platform, "evt_7"));
}

TEST_SUITE_END();

}  // namespace modhost::host
