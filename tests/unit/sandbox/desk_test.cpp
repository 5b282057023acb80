// What the page asks the sandbox for: the stream, the stop, sources of quotations, what went back
// and forth behind an answer.
#include "sandbox/desk.h"

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <doctest/doctest.h>

#include "sandbox/event_stream.h"
#include "sandbox/page.h"
#include "sandbox/trace.h"
#include "tests/support/eventually.h"
#include "tests/unit/sandbox/receiver.h"
#include "tests/unit/sandbox/running_sandbox.h"

namespace modhost::sandbox {
namespace {

const Tenant kTenant{"u", "c"};

struct Streamed {
  host::SystemClock clock;
  ChatStore chats{":memory:", clock};
  Question question = *chats.ask(kTenant, "", "a", "Which fees apply?");

  // What a new stream sends first, after its greeting.
  std::string firstOf(EventStream& stream) {
    REQUIRE(stream.begins());
    CHECK(stream.next().starts_with("retry: "));
    return stream.next();
  }
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// An open connection that has asked for `path` and read the head of the answer.
struct OpenStream {
  OpenStream(const std::string& url, const std::string& path, const std::string& host)
      : socket(Poco::Net::SocketAddress(url.substr(7))) {
    socket.setReceiveTimeout(Poco::Timespan(60, 0));
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
    socket.sendBytes(request.data(), static_cast<int>(request.size()));
    char buffer[512];
    const int size = socket.receiveBytes(buffer, sizeof buffer);
    head.assign(buffer, static_cast<std::size_t>(std::max(size, 0)));
  }

  Poco::Net::StreamSocket socket;
  std::string head;
};

Request moduleRequest(const std::string& method, const std::string& path, const Json& body) {
  Request request;
  request.method = method;
  request.path = path;
  request.headers = {{"x-company-id", kTenant.company_id}};
  if (!body.is_null()) request.body = body.dump();
  return request;
}

}  // namespace

TEST_SUITE("sandbox desk") {
  TEST_CASE("stream: a page gets the list and its chat at once and then what changes") {
    Streamed streamed;
    EventStream stream(streamed.chats, kTenant, streamed.question.chat_id, -1, streamed.clock);

    const std::string first = streamed.firstOf(stream);
    streamed.chats.pushText(kTenant, streamed.question.chat_id,
                            streamed.question.assistant_message_id, "12 E");
    const std::string second = stream.next();

    CHECK(holds(first, "event: chats\ndata: [{\"askedAt\""));
    CHECK(holds(first, "event: chat\ndata: {"));
    CHECK(holds(first, "Which fees apply?"));
    CHECK_FALSE(holds(second, "event: chats"));
    CHECK(holds(second, "\"liveText\":\"12 E\""));
  }

  TEST_CASE("stream: a page that comes back is not sent what it shows already") {
    Streamed streamed;
    const std::string& chat = streamed.question.chat_id;
    const std::int64_t version = streamed.chats.versionOf(chat);
    EventStream same(streamed.chats, kTenant, chat, version, streamed.clock);
    EventStream older(streamed.chats, kTenant, chat, version - 1, streamed.clock);

    CHECK_FALSE(holds(streamed.firstOf(same), "event: chat\n"));
    CHECK(holds(streamed.firstOf(older), "id: " + std::to_string(version) + "\nevent: chat\n"));
  }

  TEST_CASE("stream: a slow page misses states in between and never the last") {
    Streamed streamed;
    const Question& question = streamed.question;
    EventStream stream(streamed.chats, kTenant, question.chat_id, -1, streamed.clock);
    streamed.firstOf(stream);

    for (int i = 0; i <= 1000; ++i) {
      streamed.chats.pushText(kTenant, question.chat_id, question.assistant_message_id,
                              "text " + std::to_string(i));
    }

    CHECK(holds(stream.next(), "\"liveText\":\"text 1000\""));
  }

  TEST_CASE("stream: another company's chat is none") {
    Streamed streamed;
    EventStream stream(streamed.chats, {"u", "other"}, streamed.question.chat_id, -1,
                       streamed.clock);

    CHECK_FALSE(stream.begins());
  }

  TEST_CASE("stream: so many pages and no more") {
    const RunningSandbox running;
    const std::string url = running.client.url;
    std::vector<std::unique_ptr<OpenStream>> open;
    for (int i = 0; i < kStreamsMax; ++i) {
      open.push_back(std::make_unique<OpenStream>(url, "/sandbox/stream", "localhost"));
      CHECK(open.back()->head.starts_with("HTTP/1.1 200"));
      CHECK(holds(open.back()->head, "text/event-stream"));
    }

    CHECK(OpenStream(url, "/sandbox/stream", "localhost").head.starts_with("HTTP/1.1 503"));
    CHECK(OpenStream(url, "/sandbox/stream?chat=chat_none", "localhost").head.find(" 503") !=
          std::string::npos);
  }

  TEST_CASE("desk: on loopback only loopback names are answered") {
    const RunningSandbox running;

    for (const char* host : {"127.0.0.1:8096", "localhost", "[::1]:8096"}) {
      CHECK(OpenStream(running.client.url, "/", host).head.starts_with("HTTP/1.1 200"));
    }
    for (const char* path : {"/", "/sandbox/status", "/sandbox/stream", "/messages?chatId=c"}) {
      const OpenStream rebound(running.client.url, path, "rebound.example:8096");
      CHECK_MESSAGE(rebound.head.starts_with("HTTP/1.1 403"), path);
    }
  }

  TEST_CASE("desk: a stop is set on the answer once and only by a page of this server") {
    Receiver receiver;
    const RunningSandbox running(receiver.url());
    const Client& client = running.client;
    const Json ids = client.json("POST", "/sandbox/ask", {{"text", "Which fees apply?"}});
    const std::string chat = ids.at("chatId");
    const std::string stop = "/sandbox/chats/" + chat + "/stop";
    const Json answer = {{"messageId", ids.at("assistantMessageId")}};

    const Json first = client.json("POST", stop, answer);
    const Json second = client.json("POST", stop, answer);

    CHECK(first["userAbortedAt"].is_string());
    CHECK(second["userAbortedAt"] == first["userAbortedAt"]);
    CHECK(client.json("GET", "/messages?chatId=" + chat)["data"][1]["userAbortedAt"] ==
          first["userAbortedAt"]);
    CHECK(client.call("POST", stop, {{"messageId", ids.at("userMessageId")}}).status == 404);
    host::HttpRequest form;
    form.method = "POST";
    form.url = client.url + stop;
    form.headers = {"Content-Type: text/plain"};
    form.body = answer.dump();
    const host::Result<host::HttpReply> posted = host::httpCall(form);
    REQUIRE(posted.ok());
    CHECK(posted.value().status == 415);
  }

  TEST_CASE("desk: a quotation is found however it is wrapped and its document can be read") {
    const RunningSandbox running;

    const Json places = running.client.json(
        "POST", "/sandbox/quotes",
        {{"quotes", {"a **SWIFT** transfer\ncosts 12 EUR", "Nobody wrote this about fees", ""}}});
    REQUIRE(places.size() == 3);
    CHECK(places[0]["key"] == "fees.md");
    CHECK(places[1].is_null());
    CHECK(places[2].is_null());

    const std::string id = places[0]["contentId"];
    const Json document = running.client.json("GET", "/sandbox/documents/" + id);
    CHECK(document["title"] == "Fees");
    CHECK(document["passages"][0]["chunkId"] == places[0]["chunkId"]);
    CHECK(running.client.call("GET", "/sandbox/documents/cont_none").status == 404);
  }

  TEST_CASE("desk: a question goes to the module that is asked for if there is one") {
    Receiver receiver;
    const RunningSandbox running(receiver.url());

    running.client.json("POST", "/sandbox/ask", {{"text", "Hello?"}, {"module", "rag-responder"}});
    const auto refused =
        running.client.call("POST", "/sandbox/ask", {{"text", "Hello?"}, {"module", "none"}});

    CHECK(refused.status == 400);
    CHECK(running.client.json("GET", "/sandbox/status")["modules"] == Json({"rag-responder"}));
  }

  TEST_CASE("desk: what went back and forth is kept with the answer") {
    Receiver receiver;
    const RunningSandbox running(receiver.url(), {*parseFailRule("POST /search=503:1")});
    const Client& client = running.client;
    const Json ids = client.json("POST", "/sandbox/ask", {{"text", "Which fees apply?"}});
    const std::string message = ids.at("assistantMessageId");
    receiver.waitFor(2);

    const Json search = {{"searchString", "Which fees apply?"}, {"searchType", "COMBINED"}};
    CHECK(client.call("POST", "/search/search", search).status == 503);
    client.json("GET", "/messages/" + message + "?chatId=" + ids.at("chatId").get<std::string>());

    Json trace;
    CHECK(host::eventually([&] {
      trace = client.json("GET", "/sandbox/trace/" + message);
      return trace["events"][0]["tries"].size() == 1 && trace["events"][1]["tries"].size() == 1;
    }));
    CHECK(trace["events"][1]["type"] == "unique.chat.external-module.chosen");
    CHECK(trace["events"][1]["tries"][0]["status"] == 200);
    CHECK(holds(trace["events"][1]["tries"][0]["headers"].dump(), "X-Unique-Signature: "));
    REQUIRE(trace["calls"].size() == 2);
    CHECK(trace["calls"][0]["path"] == "/search/search");
    CHECK(trace["calls"][0]["status"] == 503);
    CHECK(trace["calls"][0]["fault"] == "503");
    CHECK(holds(trace["calls"][0]["request"], "Which fees apply?"));
    CHECK(trace["calls"][1]["status"] == 200);
  }
}

TEST_SUITE("sandbox trace") {
  TEST_CASE("trace: a call belongs to the question it names else repeats else the newest") {
    host::SystemClock clock;
    ChatStore chats(":memory:", clock);
    Trace trace(":memory:", chats);
    const Question first = *chats.ask(kTenant, "", "a", "What of \"fees\"?");
    const Question second = *chats.ask(kTenant, "", "a", "What of pets?");
    trace.asked(kTenant, first, {});
    trace.asked(kTenant, second, {});
    Response response;
    const auto call = [&](const Request& request) {
      trace.called({request, response, {}, {}, ""});
    };

    call(moduleRequest("GET", "/messages/" + first.assistant_message_id, nullptr));
    call(moduleRequest("POST", "/messages", {{"chatId", first.chat_id}}));
    call(moduleRequest("POST", "/search/search", {{"searchString", first.text}}));
    call(moduleRequest("POST", "/openai/chat/completions", {{"messages", Json::array()}}));
    Request stranger = moduleRequest("GET", "/messages/" + first.assistant_message_id, nullptr);
    stranger.headers["x-company-id"] = "other";
    call(stranger);

    CHECK(trace.of(first.assistant_message_id)["calls"].size() == 3);
    CHECK(trace.of(second.assistant_message_id)["calls"].size() == 1);
  }

  TEST_CASE("trace: long bodies are cut at a whole character and old calls go") {
    host::SystemClock clock;
    ChatStore chats(":memory:", clock);
    Trace trace(":memory:", chats);
    const Question question = *chats.ask(kTenant, "", "a", "Hello?");
    trace.asked(kTenant, question, {});
    Response response;
    std::string text = "x";
    while (text.size() <= kTracedBytesMax) text += "ä";
    response.body = text;
    const Request request = moduleRequest("GET", "/messages", nullptr);

    trace.called({request, response, {}, {}, ""});
    const std::string kept = trace.of(question.assistant_message_id)["calls"][0]["response"];
    response.body = "later";
    for (std::int64_t i = 0; i < kTracedCallsMax; ++i)
      trace.called({request, response, {}, {}, ""});

    CHECK(kept.ends_with("ä…"));
    CHECK(kept.size() <= kTracedBytesMax + std::string("…").size());
    const Json calls = trace.of(question.assistant_message_id)["calls"];
    CHECK(calls.size() == static_cast<std::size_t>(kTracedCallsMax));
    CHECK(calls[0]["response"] == "later");
  }
}

}  // namespace modhost::sandbox
