#include "host/modules/schema_text.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace modhost::host {
namespace {

using Json = nlohmann::json;

class Inliner {
 public:
  explicit Inliner(const Json& document) : document_(document) {}

  // Null once failed().
  Json inlined(const Json& value, int depth) {
    if (depth > kSchemaDepthMax || ++nodes_ > kSchemaNodesMax) {
      return fail("refers to itself, or is too large with what it refers to");
    }
    if (value.is_object() && value.contains("$ref") && value["$ref"].is_string()) {
      return followed(value["$ref"].get_ref<const std::string&>(), depth);
    }
    Json copy = value;
    if (!value.is_structured()) return copy;
    for (auto member = copy.begin(); member != copy.end() && !failed(); ++member) {
      *member = inlined(*member, depth + 1);
    }
    return copy;
  }

  bool failed() const { return !why_.empty(); }
  const std::string& why() const { return why_; }

 private:
  // In draft 7 what stands beside a `$ref` does not count.
  Json followed(const std::string& reference, int depth) {
    const bool local = reference == "#" || reference.rfind("#/", 0) == 0;
    if (!local) return fail("refers to another document");
    try {
      return inlined(document_.at(Json::json_pointer(reference.substr(1))), depth + 1);
    } catch (const Json::exception&) {
      return fail("refers to a place that it does not have");
    }
  }

  Json fail(std::string why) {
    if (!failed()) why_ = std::move(why);
    return nullptr;
  }

  const Json& document_;
  int nodes_ = 0;
  std::string why_;
};

void dropPatterns(Json& schema);

void dropPatternsOfEach(Json& schemas) {
  if (!schemas.is_structured()) return;
  for (Json& schema : schemas) dropPatterns(schema);
}

void dropPatterns(Json& schema) {
  if (!schema.is_object()) return;
  schema.erase("pattern");
  // What it allowed would else be additional.
  if (schema.erase("patternProperties") > 0) schema.erase("additionalProperties");
  for (const char* keyword : {"properties", "dependencies", "allOf", "anyOf", "oneOf"}) {
    if (schema.contains(keyword)) dropPatternsOfEach(schema[keyword]);
  }
  for (const char* keyword : {"items", "additionalItems", "additionalProperties", "contains",
                              "propertyNames", "not", "if", "then", "else"}) {
    if (!schema.contains(keyword)) continue;
    if (schema[keyword].is_array()) dropPatternsOfEach(schema[keyword]);
    dropPatterns(schema[keyword]);
  }
}

}  // namespace

Result<Json> withoutReferences(const Json& schema) {
  Inliner inliner(schema);
  Json whole = inliner.inlined(schema, 0);
  if (inliner.failed()) return Error{ErrorKind::kInvalid, inliner.why()};
  return whole;
}

Json withoutPatterns(Json schema) {
  dropPatterns(schema);
  return schema;
}

}  // namespace modhost::host
