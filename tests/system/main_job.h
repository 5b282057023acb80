// What the tests of the main job share: the configuration of the two shipped modules, in either
// isolation.
#pragma once

#include <string>

#include "tests/support/events.h"
#include "tests/support/host_process.h"
#include "tests/support/recording_platform.h"

namespace modhost::host {

inline constexpr char kApology[] =
    "Sorry, something went wrong processing your request. Please try again.";

inline std::string mainJobModules(const HostProcess& host, const std::string& isolation,
                                  const std::string& timeout = "60s") {
  return "modules:\n"
         "  - {id: rag-responder, isolation: " +
         isolation + ", answers: true, timeout: " + timeout +
         "}\n"
         "  - {id: message-logger, isolation: " +
         isolation + ", config: {file: " + host.file("messages.jsonl") +
         ", text: full}}\n"
         "routes:\n"
         "  - {event: unique.chat.external-module.chosen, to: rag-responder}\n"
         "  - {event: unique.chat.user-message.created, to: message-logger}\n";
}

// True once the chat's waiting message holds `text`, or any text when it is empty.
inline bool answered(const RecordingPlatform& platform, const std::string& event_id,
                     const std::string& text = "") {
  const auto message = platform.message("msg_a_" + event_id);
  if (!message || !message->text.is_string()) return false;
  return text.empty() || message->text.get<std::string>() == text;
}

}  // namespace modhost::host
