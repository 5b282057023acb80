// The settings of message-logger: each with its type, default, limits and a sentence. The host
// validates `config:` against it, and settingsOf() reads the defaults from it.
#pragma once

namespace message_logger {

inline constexpr char kConfigSchema[] = R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "message-logger",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "file": {
      "type": "string", "default": "message-log.jsonl", "minLength": 1,
      "description": "Where the records go; a relative path is taken from the host's working directory."
    },
    "text": {
      "type": "string", "default": "truncated", "enum": ["full", "truncated", "omitted"],
      "description": "How much of what the user wrote is kept."
    },
    "truncate_at": {
      "type": "integer", "default": 200, "minimum": 1, "maximum": 1000000,
      "description": "Where truncated text is cut, in Unicode code points."
    }
  }
})json";

}  // namespace message_logger
