// WorkerStage: the real host with a module that gets into trouble when an event's text says so
// (tests/modules/poison.cpp), beside two neighbours: another worker, and a module in the process.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/events.h"
#include "tests/support/host_process.h"
#include "tests/support/recording_platform.h"

namespace modhost::host {

class WorkerStage {
 public:
  static constexpr char kApology[] =
      "Sorry, something went wrong processing your request. Please try again.";

  // `poison_keys` and `more` are YAML: further keys of the module, further sections.
  explicit WorkerStage(const std::string& poison_keys = "", const std::string& more = "")
      : host_(platform.apiBase()) {
    host_.configure(more +
                    "modules:\n  - {id: poison, path: " TINY_MODULES_FOLDER
                    "/poison.so, answers: true, concurrency: 64, config: {pids: " +
                    host_.file("pids") + "}" + (poison_keys.empty() ? "" : ", " + poison_keys) +
                    "}\n"
                    "  - {id: echo}\n"
                    "  - {id: message-logger, isolation: in_process, config: {file: " +
                    host_.file("messages.jsonl") +
                    ", text: full}}\n"
                    "routes:\n"
                    "  - {event: unique.chat.external-module.chosen, to: poison, "
                    "when: {payload.assistantId: assistant_bb22, payload.chatId: chat_poison}}\n"
                    "  - {event: unique.chat.external-module.chosen, to: echo, "
                    "when: {payload.chatId: chat_echo}}\n"
                    "  - {event: unique.chat.user-message.created, to: message-logger}\n");
    host_.start();
  }

  bool isTaken(const std::string& id, const std::string& text, const std::string& company = "202") {
    const std::string body = chosenEventBody(id, text, "chat_poison", company);
    return postWebhook(host_.port(), body).status == 200;
  }
  void post(const std::string& id, const std::string& text, const std::string& company = "202") {
    REQUIRE(isTaken(id, text, company));
  }

  // The text of the event's answer so far; empty: none.
  std::string answerTo(const std::string& id) const {
    const auto message = platform.message("msg_a_" + id);
    return message && message->text.is_string() ? message->text.get<std::string>() : "";
  }
  bool awaitAnswer(const std::string& id, const std::string& text) {
    return platform.waitFor([&] { return answerTo(id) == text; });
  }
  // The first one that comes, an apology included.
  std::string awaitAnyAnswer(const std::string& id) {
    CHECK(platform.waitFor([&] { return !answerTo(id).empty(); }));
    return answerTo(id);
  }

  // Both neighbours do their work now.
  void checkNeighbours(const std::string& id) {
    REQUIRE(postWebhook(host_.port(), chosenEventBody(id, "hello", "chat_echo")).status == 200);
    REQUIRE(postWebhook(host_.port(), userMessageEventBody("u_" + id)).status == 200);
    CHECK(awaitAnswer(id, "You said: hello"));
    CHECK(eventually([&] {
      return fileText(host_.file("messages.jsonl")).find("u_" + id) != std::string::npos;
    }));
  }

  // The chat of an event that ended badly: apologised to, no step left open, a dead letter.
  void checkBadEnd(const std::string& id, const std::string& end) {
    CHECK(awaitAnswer(id, kApology));
    CHECK(platform.waitFor([&] { return stepsClosed(id); }));
    CHECK(eventually([&] { return deadLetters() == 1; }));
    CHECK(eventually([&] { return logged("dispatch: delivery ended event=" + id, "end=" + end); }));
  }
  bool stepsClosed(const std::string& id) const {
    const auto rows = platform.rowsOf("msg_a_" + id);
    return std::all_of(rows.begin(), rows.end(),
                       [](const MessageLogRow& row) { return row.statuses.back() != "RUNNING"; });
  }

  // A line of the log that holds both.
  bool logged(const std::string& part, const std::string& other = "") const {
    return countLogged(part, other) > 0;
  }
  int countLogged(const std::string& part, const std::string& other = "") const {
    std::istringstream text(host_.log());
    int count = 0;
    for (std::string line; std::getline(text, line);) {
      const bool both =
          line.find(part) != std::string::npos && line.find(other) != std::string::npos;
      if (both) ++count;
    }
    return count;
  }

  nlohmann::json status() const {
    return nlohmann::json::parse(httpGet(host_.adminPort(), "/status").body);
  }
  nlohmann::json moduleStatus(const std::string& id = "poison") const {
    const nlohmann::json now = status();
    for (const nlohmann::json& module : now.at("modules")) {
      if (module.at("id") == id) return module;
    }
    return nullptr;
  }
  int deadLetters() const { return status().at("inbox").at("dead").get<int>(); }
  int restarts() const { return moduleStatus().at("restarts").get<int>(); }

  HostProcess& host() { return host_; }

  RecordingPlatform platform;

 private:
  HostProcess host_;
};

}  // namespace modhost::host
