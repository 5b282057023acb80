// The API over real sockets, as a module's host calls it.
#include "sandbox/api.h"

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <doctest/doctest.h>

#include <set>

#include "host/base/startup_error.h"
#include "tests/unit/sandbox/receiver.h"
#include "tests/unit/sandbox/running_sandbox.h"

namespace modhost::sandbox {
namespace {

Json errorOf(const host::HttpReply& reply) {
  const Json body = Json::parse(reply.body);
  CHECK(body.at("error").at("type").is_string());
  CHECK(body.at("error").at("code").is_string());
  return body.at("error").at("message");
}

// Asks through the desk; the webhooks go to a receiver that takes everything.
struct Asked {
  Receiver receiver;
  RunningSandbox running{receiver.url()};
  Json ids = running.client.json("POST", "/sandbox/ask", {{"text", "Which fees apply?"}});
  std::string chat = ids.at("chatId");
  std::string message = ids.at("assistantMessageId");

  Json log(const Json& members) {
    Json body = {
        {"messageId", message}, {"text", "Searching"}, {"status", "RUNNING"}, {"order", 1}};
    body.update(members);
    return running.client.json("POST", "/message-log", body);
  }
};

// What a server says to raw bytes, until it closes the connection.
std::string rawCall(const std::string& url, const std::string& bytes) {
  Poco::Net::StreamSocket socket(Poco::Net::SocketAddress(url.substr(7)));
  socket.setReceiveTimeout(Poco::Timespan(60, 0));
  socket.sendBytes(bytes.data(), static_cast<int>(bytes.size()));
  std::string answer;
  char buffer[4096];
  for (int n = 0; (n = socket.receiveBytes(buffer, sizeof buffer)) > 0;) {
    answer.append(buffer, static_cast<std::size_t>(n));
  }
  return answer;
}

}  // namespace

TEST_SUITE("sandbox api") {
  TEST_CASE("api: search answers a bare array of results") {
    const RunningSandbox running;

    const Json results = running.client.json(
        "POST", "/search/search",
        {{"searchString", "SWIFT transfer"}, {"searchType", "COMBINED"}, {"limit", 3}});

    REQUIRE(results.is_array());
    REQUIRE(results.size() == 1);
    CHECK(results[0]["text"] == "# Fees\n\nA SWIFT transfer costs 12 EUR.");
    CHECK(results[0]["title"] == "Fees");
    CHECK(results[0]["key"] == "fees.md");
    CHECK(results[0]["startPage"] == -1);
    CHECK(results[0]["object"] == "search.search");
    CHECK(results[0]["score"].is_number());
  }

  TEST_CASE("api: a real client's base path is understood") {
    const RunningSandbox running;
    const Json body = {{"searchString", "dogs"}, {"searchType", "VECTOR"}};

    CHECK(running.client.json("POST", "/public/chat-gen2/search/search", body).size() == 1);
    CHECK(running.client.call("POST", "/public/chat-gen2x/search/search", body).status == 404);
  }

  TEST_CASE("api: search refuses what the platform would refuse") {
    const RunningSandbox running;
    const Json good = {{"searchString", "dogs"}, {"searchType", "COMBINED"}};
    for (const Json& change :
         {Json{{"searchType", "MAGIC"}}, Json{{"searchType", nullptr}}, Json{{"searchString", ""}},
          Json{{"searchString", 7}}, Json{{"limit", 0}}, Json{{"limit", 1001}},
          Json{{"limit", 1.5}}, Json{{"limit", 18446744073709551615U}}, Json{{"page", 0}},
          Json{{"scoreThreshold", "high"}}, Json{{"contentIds", "x"}}, Json{{"chatOnly", 1}}}) {
      Json body = good;
      body.update(change);
      CAPTURE(body.dump());
      const auto reply = running.client.call("POST", "/search/search", body);
      CHECK(reply.status == 400);
      CHECK(errorOf(reply).get<std::string>().starts_with(change.begin().key()));
    }
  }

  TEST_CASE("api: bodies that are no JSON object are refused with 400") {
    const RunningSandbox running;
    const std::string head =
        "POST /search/search HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer k\r\nx-app-id: a\r\n"
        "x-user-id: u\r\nx-company-id: c\r\nConnection: close\r\nContent-Length: ";
    for (const std::string& body :
         {std::string(), std::string("[]"), std::string("{"), std::string("\"x\""),
          std::string("{\"searchString\":\"\xFF\"}"), std::string(100'000, '['),
          std::string("{\"a\":") + std::string(65, '[') + std::string(65, ']') + "}"}) {
      const std::string answer =
          rawCall(running.sandbox->url(), head + std::to_string(body.size()) + "\r\n\r\n" + body);
      CHECK(answer.starts_with("HTTP/1.1 400"));
      CHECK(answer.find("\"error\"") != std::string::npos);
    }
  }

  TEST_CASE("api: a body over the limit is refused before it is read") {
    const RunningSandbox running;

    const std::string answer =
        rawCall(running.sandbox->url(),
                "POST /search/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n");

    CHECK(answer.starts_with("HTTP/1.1 413"));
  }

  TEST_CASE("api: each missing credential is a 401 that names it") {
    const RunningSandbox running;
    const std::vector<std::string> all = {"Authorization: Bearer k", "x-app-id: a", "x-user-id: u",
                                          "x-company-id: c"};
    for (std::size_t missing = 0; missing < all.size(); ++missing) {
      host::HttpRequest request;
      request.method = "POST";
      request.url = running.sandbox->url() + "/search/search";
      request.headers = all;
      request.headers.erase(request.headers.begin() + static_cast<std::ptrdiff_t>(missing));
      request.body = "{}";
      const auto reply = host::httpCall(request);
      REQUIRE(reply.ok());
      CHECK(reply.value().status == 401);
      const std::string name = all[missing].substr(0, all[missing].find(':'));
      CHECK(errorOf(reply.value()).get<std::string>().find(name) != std::string::npos);
    }
  }

  TEST_CASE("api: unknown paths are 404 and wrong methods 405") {
    const RunningSandbox running;

    CHECK(running.client.call("GET", "/nothing").status == 404);
    CHECK(running.client.call("POST", "/messages/a/b/c").status == 404);
    CHECK(running.client.call("DELETE", "/search/search").status == 405);
    CHECK(running.client.call("GET", "/sandbox/nothing").status == 404);
    CHECK(running.client.call("GET", "/sandbox/ask").status == 405);
  }

  TEST_CASE("api: a message log is created and changed and shown in its order") {
    Asked asked;

    const Json second = asked.log({{"order", 2}, {"text", "Generating"}});
    const Json first = asked.log({{"order", 1}, {"text", "Searching"}});
    const Json patched =
        asked.running.client.json("PATCH", "/message-log/" + first.at("id").get<std::string>(),
                                  {{"text", "Found 3"}, {"status", "COMPLETED"}});

    CHECK(patched["text"] == "Found 3");
    CHECK(patched["status"] == "COMPLETED");
    CHECK(patched["order"] == 1);
    CHECK(patched["messageId"] == asked.message);
    const Json view = asked.running.client.json("GET", "/sandbox/chats/" + asked.chat);
    const Json logs = view["messages"][1]["logs"];
    REQUIRE(logs.size() == 2);
    CHECK(logs[0]["id"] == first["id"]);
    CHECK(logs[1]["id"] == second["id"]);
  }

  TEST_CASE("api: a message log is refused when it is malformed or its message is unknown") {
    Asked asked;
    const Json good = {
        {"messageId", asked.message}, {"text", "x"}, {"status", "RUNNING"}, {"order", 1}};
    for (const auto& [change, status] :
         std::vector<std::pair<Json, int>>{{{{"status", "DONE"}}, 400},
                                           {{{"status", nullptr}}, 400},
                                           {{{"order", "1"}}, 400},
                                           {{{"order", nullptr}}, 400},
                                           {{{"order", -1}}, 400},
                                           {{{"text", 5}}, 400},
                                           {{{"references", Json::object()}}, 400},
                                           {{{"messageId", "msg_unknown"}}, 404}}) {
      Json body = good;
      body.update(change);
      const auto reply = asked.running.client.call("POST", "/message-log", body);
      CAPTURE(body.dump());
      CHECK(reply.status == status);
      errorOf(reply);
    }
    CHECK(asked.running.client.call("PATCH", "/message-log/log_unknown", {{"text", "x"}}).status ==
          404);
  }

  TEST_CASE("api: a message is read and changed and listed and removed") {
    Asked asked;
    const Client& client = asked.running.client;
    const std::string path = "/messages/" + asked.message;
    const std::string query = "?chatId=" + asked.chat;
    CHECK(client.json("GET", path + query)["text"].is_null());

    client.json("PATCH", path,
                {{"chatId", asked.chat}, {"text", "12 EUR"}, {"references", {{{"name", "Fees"}}}}});
    client.json("PATCH", path,
                {{"chatId", asked.chat}, {"completedAt", "2026-01-01T00:00:00.000Z"}});

    const Json message = client.json("GET", path + query);
    CHECK(message["text"] == "12 EUR");
    CHECK(message["references"].size() == 1);
    CHECK(message["completedAt"] == "2026-01-01T00:00:00.000Z");
    CHECK(client.json("GET", "/messages" + query)["data"].size() == 2);
    CHECK(client.json("DELETE", path + query)["id"] == asked.message);
    CHECK(client.call("GET", path + query).status == 404);
    CHECK(client.json("GET", "/messages" + query)["data"].size() == 1);
  }

  TEST_CASE("api: a module's own message joins the chat") {
    Asked asked;
    const Client& client = asked.running.client;

    const Json made = client.json("POST", "/messages",
                                  {{"chatId", asked.chat},
                                   {"assistantId", "a"},
                                   {"role", "ASSISTANT"},
                                   {"text", "One more thing"}});

    CHECK(made["role"] == "ASSISTANT");
    const Json list = client.json("GET", "/messages?chatId=" + asked.chat)["data"];
    REQUIRE(list.size() == 3);
    CHECK(list[2]["id"] == made["id"]);
    CHECK(client
              .call("POST", "/messages",
                    {{"chatId", "chat_x"}, {"assistantId", "a"}, {"role", "ASSISTANT"}})
              .status == 404);
    CHECK(client
              .call("POST", "/messages",
                    {{"chatId", asked.chat}, {"assistantId", "a"}, {"role", "USER"}})
              .status == 400);
  }

  TEST_CASE("api: another company and another chat see nothing") {
    Asked asked;
    const Client stranger{asked.running.client.url, "another-company"};
    const std::string path = "/messages/" + asked.message;

    CHECK(stranger.call("GET", path + "?chatId=" + asked.chat).status == 404);
    CHECK(stranger.call("PATCH", path, {{"chatId", asked.chat}, {"text", "x"}}).status == 404);
    CHECK(stranger.call("GET", "/messages?chatId=" + asked.chat).status == 404);
    CHECK(asked.running.client.call("GET", path + "?chatId=chat_x").status == 404);
    CHECK(asked.running.client.call("GET", path).status == 400);
    CHECK(asked.running.client.call("PATCH", path, {{"text", "x"}}).status == 400);
  }

  TEST_CASE("api: an event is shown while it streams and never stored") {
    Asked asked;
    const Client& client = asked.running.client;
    const std::string path = "/messages/" + asked.message;
    const auto liveText = [&] {
      return client.json("GET", "/sandbox/chats/" + asked.chat)["messages"][1].value("liveText",
                                                                                     "");
    };

    client.json("POST", path + "/event", {{"chatId", asked.chat}, {"text", "12"}});
    CHECK(liveText() == "12");
    CHECK(client.json("GET", path + "?chatId=" + asked.chat)["text"].is_null());

    client.json("PATCH", path, {{"chatId", asked.chat}, {"text", "12 EUR"}});
    CHECK(liveText().empty());
  }

  TEST_CASE("api: completions refuse what cannot be completed") {
    const RunningSandbox running;
    for (const Json& body :
         {Json::object(), Json{{"messages", Json::array()}}, Json{{"messages", {"x"}}},
          Json{{"messages", {{{"role", "user"}}}}, {"stream", true}},
          Json{{"messages", {{{"role", "user"}}}}, {"temperature", "hot"}}}) {
      CAPTURE(body.dump());
      CHECK(running.client.call("POST", "/openai/chat/completions", body).status == 400);
    }
  }

  TEST_CASE("api: asked-for faults come as a status and as HTML and as a cut connection") {
    const RunningSandbox running(
        "", {*parseFailRule("POST /search=429:1"), *parseFailRule("POST /search=html:1"),
             *parseFailRule("POST /search=cut:1")});
    const Json body = {{"searchString", "dogs"}, {"searchType", "COMBINED"}};

    CHECK(running.client.call("POST", "/search/search", body).status == 429);
    CHECK(running.client.call("POST", "/search/search", body).body.starts_with("<!doctype html>"));
    host::HttpRequest request;
    request.method = "POST";
    request.url = running.client.url + "/search/search";
    request.headers = {"Authorization: Bearer k", "x-app-id: a", "x-user-id: u", "x-company-id: c"};
    request.body = body.dump();
    CHECK_FALSE(host::httpCall(request).ok());
    CHECK(running.client.json("POST", "/search/search", body).size() == 1);
  }

  TEST_CASE("api: a cut call has taken effect") {
    Receiver receiver;
    const RunningSandbox running(receiver.url(), {*parseFailRule("PATCH /messages=cut:1")});
    const Json ids = running.client.json("POST", "/sandbox/ask", {{"text", "x"}});
    host::HttpRequest request;
    request.method = "PATCH";
    request.url = running.client.url + "/messages/" + ids["assistantMessageId"].get<std::string>();
    request.headers = {"Authorization: Bearer k", "x-app-id: a", "x-user-id: u",
                       "x-company-id: sandbox-company"};
    request.body = Json{{"chatId", ids["chatId"]}, {"text", "done"}}.dump();

    CHECK_FALSE(host::httpCall(request).ok());

    const std::string chat = "/sandbox/chats/" + ids["chatId"].get<std::string>();
    CHECK(running.client.json("GET", chat)["messages"][1]["text"] == "done");
  }

  TEST_CASE("api: a second sandbox on the same port cannot start") {
    const RunningSandbox running;
    SandboxSettings settings;
    settings.folder = running.folder.path();
    settings.server.listen = running.client.url.substr(7);
    host::SystemClock clock;

    CHECK_THROWS_AS(Sandbox(settings, clock), host::StartupError);
  }
}

TEST_SUITE("sandbox desk") {
  TEST_CASE("desk: a question becomes two signed events and a chat") {
    Asked asked;

    const auto received = asked.receiver.waitFor(2);

    REQUIRE(received.size() == 2);
    std::set<std::string> types;
    for (const Received& request : received) {
      const Json event = Json::parse(request.body);
      types.insert(event["event"].get<std::string>());
      CHECK(event["payload"]["chatId"] == asked.chat);
      CHECK(request.headers.at("X-Unique-Id") == event["id"]);
      CHECK(request.headers.at("X-Unique-Signature") ==
            host::hex(host::HmacKey("secret").sign(request.body)));
    }
    CHECK(types == std::set<std::string>{"unique.chat.external-module.chosen",
                                         "unique.chat.user-message.created"});
    const Json view = asked.running.client.json("GET", "/sandbox/chats/" + asked.chat);
    REQUIRE(view["messages"].size() == 2);
    CHECK(view["messages"][0]["text"] == "Which fees apply?");
    CHECK(view["messages"][1]["id"] == asked.message);
  }

  TEST_CASE("desk: a chat goes on and an unknown one does not") {
    Asked asked;
    const Client& client = asked.running.client;

    client.json("POST", "/sandbox/ask", {{"text", "And then?"}, {"chatId", asked.chat}});

    CHECK(client.json("GET", "/sandbox/chats/" + asked.chat)["messages"].size() == 4);
    CHECK(client.call("POST", "/sandbox/ask", {{"text", "x"}, {"chatId", "chat_x"}}).status == 404);
    CHECK(client.call("GET", "/sandbox/chats/chat_x").status == 404);
  }

  TEST_CASE("desk: a question is refused when it is blank or no JSON or cannot be sent") {
    Asked asked;
    const RunningSandbox without_webhook;
    host::HttpRequest form;
    form.method = "POST";
    form.url = asked.running.client.url + "/sandbox/ask";
    form.headers = {"Content-Type: text/plain"};
    form.body = R"({"text":"from another site"})";

    CHECK(asked.running.client.call("POST", "/sandbox/ask", {{"text", " \n"}}).status == 400);
    CHECK(asked.running.client.call("POST", "/sandbox/ask", {{"text", nullptr}}).status == 400);
    CHECK(asked.running.client
              .call("POST", "/sandbox/ask", {{"text", std::string(kQuestionBytesMax + 1, 'x')}})
              .status == 413);
    CHECK(without_webhook.client.call("POST", "/sandbox/ask", {{"text", "x"}}).status == 503);
    const auto reply = host::httpCall(form);
    REQUIRE(reply.ok());
    CHECK(reply.value().status == 415);
  }

  TEST_CASE("desk: a watcher is woken by the next change") {
    Asked asked;
    const Client& client = asked.running.client;
    asked.receiver.waitFor(2);
    const Json before = client.json("GET", "/sandbox/chats/" + asked.chat);
    const std::string path = "/sandbox/chats/" + asked.chat + "?wait=30000&after=";
    std::int64_t version = before["version"];
    Json after;

    host::Thread watcher(
        "watcher",
        [&] {
          // Delivery states may change the chat as well; only the answer ends this.
          do {
            after = client.json("GET", path + std::to_string(version));
            version = after["version"];
          } while (after["messages"][1]["text"].is_null());
        },
        1024 * 1024);
    client.json("PATCH", "/messages/" + asked.message,
                {{"chatId", asked.chat}, {"text", "12 EUR"}});
    watcher.join();

    CHECK(after["messages"][1]["text"] == "12 EUR");
    CHECK(after["version"] > before["version"]);
  }

  TEST_CASE("desk: the end of the sandbox does not wait for its watchers") {
    auto asked = std::make_unique<Asked>();
    asked->receiver.waitFor(2);
    const std::string url =
        asked->running.client.url + "/sandbox/chats/" + asked->chat + "?after=1000000&wait=30000";
    const auto begin = std::chrono::steady_clock::now();

    host::Thread watcher(
        "watcher",
        [url] {
          host::HttpRequest request;
          request.url = url;
          (void)host::httpCall(request);
        },
        1024 * 1024);
    asked.reset();
    watcher.join();

    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(25));
  }

  TEST_CASE("desk: the page loads nothing from elsewhere and inserts no markup") {
    const RunningSandbox running;

    for (const char* path : {"/", "/page.js", "/page.css", "/messages.js", "/markdown.js"}) {
      const auto file = running.client.call("GET", path);
      CHECK(file.status == 200);
      CHECK(file.body.find("http://") == std::string::npos);
      CHECK(file.body.find("https://") == std::string::npos);
      CHECK(file.body.find("innerHTML") == std::string::npos);
    }
    CHECK(running.client.call("GET", "/marked.js").body.find("marked") != std::string::npos);
    CHECK(running.client.json("GET", "/sandbox/status")["documents"] == 2);
  }
}

TEST_SUITE("sandbox chats") {
  TEST_CASE("chats: a file keeps them and ends what was waiting") {
    const host::TempFolder folder;
    host::SystemClock clock;
    const Tenant tenant{"u", "c"};
    std::string chat;
    {
      ChatStore store(folder.file("chats.db"), clock);
      chat = store.ask(tenant, "", "a", "Hello")->chat_id;
      store.noteDelivery(chat, {"evt_1", "t", "waiting", 2, 503, ""});
    }
    ChatStore store(folder.file("chats.db"), clock);

    CHECK(store.messages(tenant, chat)->size() == 2);
    const Json view = *store.view(chat, -1, clock.steadyNow());
    CHECK(view["deliveries"][0]["state"] == "gave_up");
    CHECK(view["deliveries"][0]["error"] == "the sandbox was stopped");
  }
}

}  // namespace modhost::sandbox
