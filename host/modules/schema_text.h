// What is done to a module's config schema before it is compiled: the schema is a stranger's, and
// the library that compiles it follows a reference to itself for ever.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "host/base/result.h"

namespace modhost::host {

inline constexpr int kSchemaDepthMax = 128;      // with what references bring in
inline constexpr int kSchemaNodesMax = 100'000;  // values, the same

// The schema with each `$ref` replaced by what it names, which must lie in the same document.
// kInvalid: one that names nothing, or leads back to itself, or a schema that is too large then.
Result<nlohmann::json> withoutReferences(const nlohmann::json& schema);

// The schema without the keywords that search with a regular expression, which may take for ever;
// for a schema that is also checked in full where its module runs.
nlohmann::json withoutPatterns(nlohmann::json schema);

}  // namespace modhost::host
