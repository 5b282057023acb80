// modhost ask and modhost send against a real sandbox and a real receiver.
#include "host/cli/ask.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <sstream>

#include "host/base/startup_error.h"
#include "host/cli/send.h"
#include "tests/unit/sandbox/receiver.h"
#include "tests/unit/sandbox/running_sandbox.h"

namespace modhost::sandbox {
namespace {

// The chosen event among what has arrived.
nlohmann::json chosenEvent(Receiver& receiver) {
  for (const Received& request : receiver.waitFor(2)) {
    nlohmann::json event = nlohmann::json::parse(request.body);
    if (event["event"] == "unique.chat.external-module.chosen") return event;
  }
  return nullptr;
}

struct Conversation {
  // `module` handles the chosen event while `ask` waits.
  Conversation(RunningSandbox& running, Receiver& receiver,
               const std::function<void(const nlohmann::json&)>& module, host::AskOptions options) {
    host::Thread thread(
        "module", [&] { module(chosenEvent(receiver)); }, 1024 * 1024);
    options.question = "What does a SWIFT transfer cost?";
    options.sandbox = running.client.url;
    exit_code = host::runAsk(options, out, err);
    thread.join();
  }

  std::ostringstream out, err;
  int exit_code = -1;
};

}  // namespace

TEST_SUITE("cli ask") {
  TEST_CASE("ask: steps and answer are shown and the exit code is 0") {
    Receiver receiver;
    RunningSandbox running(receiver.url());

    const Conversation talk(
        running, receiver,
        [&](const auto& event) { answerAsModule(running.client, event, "12 \x1b[31mEUR"); }, {});

    CHECK(talk.exit_code == 0);
    CHECK(talk.err.str().empty());
    CHECK(talk.out.str().find("✓ Found 1 relevant documents\n") != std::string::npos);
    CHECK(talk.out.str().find("✓ Response generated\n") != std::string::npos);
    CHECK(talk.out.str().ends_with("\n12 [31mEUR\n"));
  }

  TEST_CASE("ask: the apology and a failed step end with 1") {
    Receiver receiver;
    RunningSandbox running(receiver.url());

    const Conversation talk(
        running, receiver,
        [&](const auto& event) {
          const std::string message = event["payload"]["assistantMessage"]["id"];
          running.client.json(
              "POST", "/message-log",
              {{"messageId", message}, {"text", "Searching"}, {"status", "FAILED"}, {"order", 1}});
          running.client.json("PATCH", "/messages/" + message,
                              {{"chatId", event["payload"]["chatId"]}, {"text", "Not today."}});
        },
        {});

    CHECK(talk.exit_code == 1);
    CHECK(talk.out.str().find("✗ Searching") != std::string::npos);
    CHECK(talk.out.str().find("Not today.") != std::string::npos);
    CHECK(talk.err.str().find("could not answer") != std::string::npos);
  }

  TEST_CASE("ask: json is one object with answer and steps") {
    Receiver receiver;
    RunningSandbox running(receiver.url());
    host::AskOptions options;
    options.json = true;

    const Conversation talk(
        running, receiver,
        [&](const auto& event) { answerAsModule(running.client, event, "12 EUR"); }, options);

    const auto result = nlohmann::json::parse(talk.out.str());
    CHECK(talk.exit_code == 0);
    CHECK(result["answered"] == true);
    CHECK(result["answer"] == "12 EUR");
    CHECK(result["steps"].size() == 2);
  }

  TEST_CASE("ask: a host that refuses the event ends it at once") {
    Receiver receiver({}, 400);
    RunningSandbox running(receiver.url());

    const Conversation talk(running, receiver, [](const auto&) {}, {});

    CHECK(talk.exit_code == 1);
    CHECK(talk.err.str().find("it answered 400") != std::string::npos);
  }

  TEST_CASE("ask: no answer in time ends with 1") {
    Receiver receiver;
    RunningSandbox running(receiver.url());
    host::AskOptions options;
    options.timeout = host::Milliseconds(50);

    const Conversation talk(
        running, receiver, [](const auto&) {}, options);

    CHECK(talk.exit_code == 1);
    CHECK(talk.err.str().find("no answer within 50ms") != std::string::npos);
  }

  TEST_CASE("ask: without a sandbox it says how to start one") {
    std::ostringstream out, err;

    CHECK(host::runAsk({"x", "http://127.0.0.1:1"}, out, err) == 1);

    CHECK(err.str().find("no sandbox at http://127.0.0.1:1") != std::string::npos);
    CHECK(err.str().find("modhost sandbox docs/") != std::string::npos);
  }
}

TEST_SUITE("cli send") {
  TEST_CASE("send: the bytes of the file are signed and sent as they are") {
    Receiver receiver;
    const host::TempFolder folder;
    const std::string bytes = "{ \"id\": \"evt_7\" }\r\n\xFF";
    std::ofstream(folder.file("event.json"), std::ios::binary) << bytes;
    ::setenv("SEND_TEST_SECRET", "whsec_demo_secret", 1);
    host::SendOptions options{
        folder.file("event.json"), receiver.url(), "SEND_TEST_SECRET", "evt_8", {"X-Extra: 1"}};
    std::ostringstream out, err;

    CHECK(host::runSend(options, out, err) == 0);

    const auto received = receiver.waitFor(1);
    CHECK(received.at(0).body == bytes);
    CHECK(received.at(0).headers.at("X-Unique-Signature") ==
          host::hex(host::HmacKey("whsec_demo_secret").sign(bytes)));
    CHECK(received.at(0).headers.at("X-Unique-Id") == "evt_8");
    CHECK(received.at(0).headers.at("X-Extra") == "1");
    CHECK(out.str() == "200 {}\n");
  }

  TEST_CASE("send: an answer other than 2xx and no answer end with 1") {
    Receiver receiver({}, 503, "later");
    const host::TempFolder folder;
    std::ofstream(folder.file("event.json")) << "{}";
    ::setenv("SEND_TEST_SECRET", "s", 1);
    std::ostringstream out, err;

    CHECK(host::runSend({folder.file("event.json"), receiver.url(), "SEND_TEST_SECRET"}, out,
                        err) == 1);
    CHECK(host::runSend({folder.file("event.json"), "http://127.0.0.1:1/", "SEND_TEST_SECRET"}, out,
                        err) == 1);

    CHECK(out.str() == "503 later\n");
    CHECK(err.str().find("no answer from http://127.0.0.1:1/") != std::string::npos);
  }

  TEST_CASE("send: a missing file or secret cannot be started with") {
    const host::TempFolder folder;
    std::ofstream(folder.file("event.json")) << "{}";
    ::unsetenv("SEND_TEST_NONE");
    std::ostringstream out, err;

    CHECK_THROWS_AS(host::runSend({folder.file("none.json")}, out, err), host::StartupError);
    CHECK_THROWS_AS(
        host::runSend({folder.file("event.json"), "http://127.0.0.1:1/", "SEND_TEST_NONE"}, out,
                      err),
        host::StartupError);
  }
}

}  // namespace modhost::sandbox
