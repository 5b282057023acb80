// What message-logger keeps of one event.
#pragma once

#include <modhost/event.h>
#include <modhost/json.h>

#include <cstddef>
#include <string>

namespace message_logger {

enum class TextPolicy { kFull = 1, kTruncated, kOmitted };

struct Settings {
  std::string file;
  TextPolicy text = TextPolicy::kTruncated;
  std::size_t truncate_at = 0;  // code points
};

// `config` over the defaults of kConfigSchema. Throws when a value has another type than the schema
// says; the host has checked already.
Settings settingsOf(const modhost::Json& config);

// One line of the file, without its newline: {"time", "eventId", "type", "userId", "companyId",
// "chatId", "assistantId"}, and unless the policy omits it "text", with "textTruncated": true when
// it was cut.
std::string recordOf(const modhost::Event& event, const Settings& settings);

}  // namespace message_logger
