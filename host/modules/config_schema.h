// checkConfig: does a module's `config:` satisfy the JSON Schema its descriptor carries?
#pragma once

#include <string>
#include <string_view>

#include "host/base/result.h"

namespace modhost::host {

inline constexpr std::size_t kConfigSchemaBytesMax = 1u << 20;

// A regular expression of a stranger may take for ever: those of a module that runs in a worker are
// left to the worker, which checks everything again.
enum class Patterns { kChecked = 1, kLeftToWorker };

// Both are JSON text; an empty schema accepts any object, an empty config is {}. Schemas are draft
// 7; references within the document are followed, unless they lead back to themselves. kInvalid
// says where in the config (a JSON pointer), what was found there (its type; never the value, which
// may be a secret) and what is accepted; or that the schema itself cannot be used. Never throws.
//
// `pointer`, when given, gets that JSON pointer alone ("" for the whole), so that the caller can
// name the place in the file the config came from.
Result<void> checkConfig(std::string_view schema_json, std::string_view config_json,
                         Patterns patterns, std::string* pointer = nullptr);

}  // namespace modhost::host
