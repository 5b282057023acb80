// A module's side of the sandbox's API, over real sockets.
#pragma once

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "host/cli/http_client.h"

namespace modhost::sandbox {

struct Client {
  std::string url;
  std::string company = "sandbox-company";

  host::HttpReply call(const std::string& method, const std::string& path,
                       const nlohmann::json& body = nullptr) const {
    host::HttpRequest request;
    request.method = method;
    request.url = url + path;
    request.headers = {"Authorization: Bearer key", "x-app-id: app", "x-user-id: user",
                       "x-company-id: " + company, "Content-Type: application/json"};
    if (!body.is_null()) request.body = body.dump();
    host::Result<host::HttpReply> reply = host::httpCall(request);
    REQUIRE_MESSAGE(reply.ok(), (reply.ok() ? "" : reply.error().message));
    return reply.take();
  }

  // The JSON of an answer that has to be a success.
  nlohmann::json json(const std::string& method, const std::string& path,
                      const nlohmann::json& body = nullptr) const {
    const host::HttpReply reply = call(method, path, body);
    INFO(method, " ", path, " answered ", reply.status, " ", reply.body);
    REQUIRE(reply.status / 100 == 2);
    return nlohmann::json::parse(reply.body);
  }
};

// What a module does with an event of unique.chat.external-module.chosen: the seven calls of the
// reference application, in its order.
inline void answerAsModule(const Client& platform, const nlohmann::json& event,
                           const std::string& answer) {
  const nlohmann::json& payload = event.at("payload");
  const std::string message = payload.at("assistantMessage").at("id");
  const std::string text = payload.at("userMessage").at("text");
  const auto first = platform.json("POST", "/message-log",
                                   {{"messageId", message},
                                    {"text", "Searching knowledge base..."},
                                    {"status", "RUNNING"},
                                    {"order", 1}});
  const auto found = platform.json(
      "POST", "/search/search", {{"searchString", text}, {"searchType", "COMBINED"}, {"limit", 3}});
  platform.json("PATCH", "/message-log/" + first.at("id").get<std::string>(),
                {{"text", "Found " + std::to_string(found.size()) + " relevant documents"},
                 {"status", "COMPLETED"}});
  const auto second = platform.json("POST", "/message-log",
                                    {{"messageId", message},
                                     {"text", "Generating response..."},
                                     {"status", "RUNNING"},
                                     {"order", 2}});
  platform.json("POST", "/openai/chat/completions",
                {{"model", "AZURE_GPT_4o_2024_0513"},
                 {"messages", {{{"role", "user"}, {"content", text}}}},
                 {"temperature", 0.3}});
  platform.json("PATCH", "/message-log/" + second.at("id").get<std::string>(),
                {{"text", "Response generated"}, {"status", "COMPLETED"}});
  platform.json("PATCH", "/messages/" + message,
                {{"chatId", payload.at("chatId")}, {"text", answer}});
}

}  // namespace modhost::sandbox
