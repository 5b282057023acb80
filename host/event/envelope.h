// Envelope: the few members of a body that the host itself needs, read in one pass that keeps
// nothing else. A whole document costs as much again, and only routes with a `when` need one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "host/base/result.h"

namespace modhost::host {

// A member that is missing, or is no string, is nullopt. Of a key that stands twice, the last counts.
struct Envelope {
  using Text = std::optional<std::string>;

  struct Payload {
    Text chat_id, chatid, chat_id_snake;  // chatId, chatid, chat_id
    Text assistant_message_id;            // assistantMessage.id
  };

  Text event, user_id, company_id, id;
  std::optional<std::int64_t> created_at;  // an integer, or a string of digits, that fits
  Payload payload;
};

// kInvalid: "nested too deep" (kJsonDepthMax), "not UTF-8", "not JSON" or "not an object"; never the
// library's own message, which quotes the text it choked on.
Result<Envelope> readEnvelope(std::string_view body);

}  // namespace modhost::host
