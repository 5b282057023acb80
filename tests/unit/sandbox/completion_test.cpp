#include "sandbox/completion.h"

#include <doctest/doctest.h>

#include "sandbox/outgoing.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/sandbox/receiver.h"

namespace modhost::sandbox {
namespace {

constexpr const char* kPrompt =
    "You are a helpful assistant. Use the following context from the company knowledge base to "
    "answer "
    "the user's question.\n\nContext:\n";

Json chat(const std::string& context, const std::string& question) {
  return {{"model", "m"},
          {"messages",
           {{{"role", "system"}, {"content", kPrompt + context}},
            {{"role", "user"}, {"content", question}}}}};
}

std::string contentOf(const Response& response) {
  return Json::parse(response.body).at("choices").at(0).at("message").at("content");
}

}  // namespace

TEST_SUITE("sandbox completion") {
  TEST_CASE("completion: the sentence that answers is quoted and others are not") {
    const std::string answer = extractiveAnswer(
        "## Payments\n\nA SEPA transfer costs nothing. A SWIFT transfer costs 12 EUR.\n---\n"
        "Dogs are welcome.",
        "What does a SWIFT transfer cost?");

    CHECK(answer.find("> A SWIFT transfer costs 12 EUR.") != std::string::npos);
    CHECK(answer.find("SEPA") == std::string::npos);
    CHECK(answer.find("Dogs") == std::string::npos);
    CHECK(answer.find("no language model") != std::string::npos);
  }

  TEST_CASE("completion: where nothing fits it says so and quotes nothing") {
    for (const char* context : {"No relevant documents found.", "", "Dogs are welcome."}) {
      const std::string answer = extractiveAnswer(context, "Who founded the bank?");

      CHECK(answer.find("found nothing") != std::string::npos);
      CHECK(answer.find('>') == std::string::npos);
    }
  }

  TEST_CASE("completion: one word in common with a long question is not an answer") {
    const std::string context = "The bank opens at nine.";

    CHECK(extractiveAnswer(context, "bank?").find("> The bank") != std::string::npos);
    CHECK(extractiveAnswer(context, "Which famous person founded our bank?").find('>') ==
          std::string::npos);
  }

  TEST_CASE("completion: the words of the prompt before the context are never quoted") {
    const std::string answer = extractiveAnswer(std::string(kPrompt) + "Dogs are welcome.",
                                                "May an assistant use the knowledge base?");

    CHECK(answer.find("found nothing") != std::string::npos);
  }

  TEST_CASE("completion: the extractive answer has the shape of a chat completion") {
    host::FakeClock clock;
    ExtractiveCompletion completion(clock);

    const Response response = completion.complete(chat("Dogs are welcome.", "Are dogs welcome?"));

    const Json body = Json::parse(response.body);
    CHECK(response.status == 200);
    CHECK(body.at("object") == "chat.completion");
    CHECK(body.at("model") == "m");
    CHECK(body.at("created") == 1'767'225'600);
    CHECK(body.at("choices").at(0).at("finish_reason") == "stop");
    CHECK(body.at("usage").at("total_tokens") > 0);
    CHECK(contentOf(response).find("> Dogs are welcome.") != std::string::npos);
  }

  TEST_CASE("completion: content in parts and content of a wrong type are borne") {
    CHECK(messageText({{"content",
                        {{{"type", "text"}, {"text", "a"}},
                         {{"type", "image_url"}, {"image_url", ""}},
                         {{"type", "text"}, {"text", "b"}}}}}) == "ab");
    CHECK(messageText({{"content", nullptr}}).empty());
    CHECK(messageText({{"content", 7}}).empty());
    CHECK(messageText(Json::object()).empty());
  }

  TEST_CASE("completion: a language model gets the messages with its own model and key") {
    const std::string reply =
        R"({"choices":[{"index":0,"message":{"role":"assistant","content":"Woof"}}]})";
    Receiver model({}, 200, reply);
    host::FakeClock clock;
    StopSignal stop(clock);
    ForwardedCompletion completion({model.url(), "sk-1", "llama"}, stop);
    Json request = chat("Dogs are welcome.", "Are they?");
    request["options"] = {{"temperature", 0.5}};

    const Response response = completion.complete(request);

    CHECK(contentOf(response) == "Woof");
    const auto received = model.waitFor(1);
    const Json sent = Json::parse(received.at(0).body);
    CHECK(received.at(0).headers.at("Authorization") == "Bearer sk-1");
    CHECK(sent.at("model") == "llama");
    CHECK(sent.at("temperature") == 0.5);
    CHECK(!sent.contains("options"));
    CHECK(sent.at("messages") == request.at("messages"));
  }

  TEST_CASE("completion: a language model's failure is an answer that does not show the key") {
    host::FakeClock clock;
    StopSignal stop(clock);
    Receiver failing({500, 429, 200}, 200, "<html>");
    ForwardedCompletion completion({failing.url(), "sk-secret", ""}, stop);
    ForwardedCompletion unreachable({"http://127.0.0.1:1", "sk-secret", ""}, stop);

    const Response failed = completion.complete(chat("", "x"));
    const Response limited = completion.complete(chat("", "x"));
    const Response html = completion.complete(chat("", "x"));
    const Response refused = unreachable.complete(chat("", "x"));

    CHECK(failed.status == 502);
    CHECK(limited.status == 429);
    CHECK(html.status == 502);
    CHECK(refused.status == 502);
    for (const Response& response : {failed, limited, html, refused}) {
      CHECK(Json::parse(response.body).at("error").at("message").is_string());
      CHECK(response.body.find("sk-secret") == std::string::npos);
    }
  }
}

}  // namespace modhost::sandbox
