// What the tests of chats and their ends share: a host with the scripted module, and what must be
// true of a chat.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/system/main_job.h"

namespace modhost::host {

// `more`: further keys of the module, beginning with a comma.
inline std::string scriptedModule(const std::string& isolation, const std::string& more = "") {
  return "  - {id: scripted, path: " MODHOST_TEST_SCRIPTED ", isolation: " + isolation + more +
         "}\n";
}

inline std::string scriptedAnswers(const std::string& isolation, const std::string& more = "") {
  return "modules:\n" + scriptedModule(isolation, ", answers: true" + more) +
         "routes:\n  - {event: unique.chat.external-module.chosen, to: scripted}\n";
}

inline std::vector<MessageLogRow> rowsOf(const RecordingPlatform& platform,
                                         const std::string& event_id) {
  return platform.rowsOf("msg_a_" + event_id);
}

// The texts that were written into the event's message, in order.
inline std::vector<std::string> writtenTexts(const RecordingPlatform& platform,
                                             const std::string& event_id) {
  std::vector<std::string> texts;
  const auto message = platform.message("msg_a_" + event_id);
  if (!message) return texts;
  for (const nlohmann::json& patch : message->patches) texts.push_back(patch.value("text", ""));
  return texts;
}

inline std::size_t apologies(const RecordingPlatform& platform, const std::string& event_id) {
  const auto texts = writtenTexts(platform, event_id);
  return static_cast<std::size_t>(std::count(texts.begin(), texts.end(), kApology));
}

inline bool noneRuns(const std::vector<MessageLogRow>& rows) {
  return std::all_of(rows.begin(), rows.end(),
                     [](const MessageLogRow& row) { return row.statuses.back() != "RUNNING"; });
}

inline bool adminSays(const HostProcess& host, const std::string& line) {
  return httpGet(host.adminPort(), "/metrics").body.find(line) != std::string::npos;
}

// modhost_deliveries_total of one module and end.
inline bool ended(const HostProcess& host, const std::string& end, int count,
                  const std::string& module = "scripted") {
  return adminSays(host, "modhost_deliveries_total{end=\"" + end + "\",module=\"" + module +
                             "\"} " + std::to_string(count) + "\n");
}

}  // namespace modhost::host
