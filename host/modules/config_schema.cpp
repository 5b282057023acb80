#include "host/modules/config_schema.h"

// Without it valijson aborts where a schema is wrong.
#define VALIJSON_USE_EXCEPTIONS 1

#include <exception>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>
#include <vector>

#include "host/base/json_depth.h"
#include "host/modules/schema_text.h"

// valijson reports errors from the outside in, with a path of "<root>", "[key]" and "[0]" parts.
// The longest path names the member that is wrong; what is accepted there is read from the schema
// itself, since valijson's sentences name constraints but not their values.

namespace modhost::host {
namespace {

using Json = nlohmann::json;

Error invalid(std::string message) { return Error{ErrorKind::kInvalid, std::move(message)}; }

// "[key]" → key, "<root>" → nothing.
std::vector<std::string> keysOf(const std::vector<std::string>& context) {
  std::vector<std::string> keys;
  for (const std::string& part : context) {
    if (part.size() >= 2 && part.front() == '[') keys.push_back(part.substr(1, part.size() - 2));
  }
  return keys;
}

std::string pointerOf(const std::vector<std::string>& keys) {
  Json::json_pointer pointer;
  for (const std::string& key : keys) pointer /= key;
  return pointer.to_string();
}

// The member at `keys`, or null where there is none.
const Json* descend(const Json& from, const std::vector<std::string>& keys) {
  const Json* at = &from;
  for (const std::string& key : keys) {
    if (at->is_array()) {
      const std::size_t index = static_cast<std::size_t>(std::atoll(key.c_str()));
      if (index >= at->size()) return nullptr;
      at = &(*at)[index];
    } else if (at->is_object() && at->contains(key)) {
      at = &at->at(key);
    } else {
      return nullptr;
    }
  }
  return at;
}

// The part of the schema that speaks of the member at `keys`, as far as plain properties and items
// lead.
const Json* schemaAt(const Json& schema, const std::vector<std::string>& keys) {
  const Json* at = &schema;
  for (const std::string& key : keys) {
    const Json* next = nullptr;
    if (at->is_object() && at->contains("properties")) next = descend(at->at("properties"), {key});
    if (next == nullptr && at->is_object() && at->contains("items")) next = &at->at("items");
    if (next == nullptr) return nullptr;
    at = next;
  }
  return at;
}

// Never the value itself: any, also a number, may be a secret that came from a variable.
std::string found(const Json* value) {
  if (value == nullptr) return "nothing";
  if (value->is_null()) return "null";
  if (value->is_string())
    return "a string of " + std::to_string(value->get_ref<const std::string&>().size()) + " bytes";
  if (value->is_structured()) return std::string("an ") + value->type_name();
  return std::string("a ") + value->type_name();
}

std::string propertyNames(const Json& schema) {
  std::string names;
  for (const auto& [name, ignored] : schema.items()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

// "type integer, minimum 1", from the keywords that fit in a sentence.
std::string accepted(const Json* schema) {
  if (schema == nullptr || !schema->is_object()) return "";
  std::string words;
  for (const char* keyword :
       {"type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
        "minLength", "maxLength", "pattern", "format", "minItems", "maxItems", "required"}) {
    if (!schema->contains(keyword)) continue;
    const Json& value = schema->at(keyword);
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    words += (words.empty() ? "" : ", ") + std::string(keyword) + " " + text.substr(0, 256);
  }
  if (schema->contains("properties") && schema->at("properties").is_object()) {
    words += (words.empty() ? "" : ", ") + std::string("keys ") +
             propertyNames(schema->at("properties"));
  }
  return words;
}

// The error with the longest path; of several, the first.
valijson::ValidationResults::Error deepest(valijson::ValidationResults& results) {
  valijson::ValidationResults::Error chosen, next;
  while (results.popError(next)) {
    if (next.context.size() > chosen.context.size()) chosen = next;
  }
  return chosen;
}

std::string message(const Json& schema, const Json& config,
                    const valijson::ValidationResults::Error& error,
                    const std::vector<std::string>& keys) {
  const std::string where = keys.empty() ? "config" : "config at " + pointerOf(keys);
  const std::string wanted = accepted(schemaAt(schema, keys));
  return where + ": found " + found(descend(config, keys)) + "; " + error.description +
         (wanted.empty() ? "" : " Accepted: " + wanted + ".");
}

// The first key of the object at `keys` that its schema refuses for not knowing it; empty: none.
// valijson names it in a sentence about constraints, and the place of the whole object.
std::string unknownKey(const Json& schema, const Json& config,
                       const std::vector<std::string>& keys) {
  const Json* wanted = schemaAt(schema, keys);
  const Json* given = descend(config, keys);
  if (wanted == nullptr || given == nullptr || !wanted->is_object()) return "";
  if (!given->is_object()) return "";
  if (wanted->value("additionalProperties", Json()) != Json(false)) return "";
  if (wanted->contains("patternProperties")) return "";
  const Json known = wanted->value("properties", Json::object());
  for (const auto& [name, ignored] : given->items()) {
    if (!known.contains(name)) return name;
  }
  return "";
}

std::string unknownMessage(const Json& schema, const std::vector<std::string>& keys,
                           const std::string& key) {
  const Json known = schemaAt(schema, keys)->value("properties", Json::object());
  return (keys.empty() ? "config" : "config at " + pointerOf(keys)) + ": unknown key \"" + key +
         "\"; accepted: " + (known.empty() ? "no keys" : propertyNames(known));
}

Result<void> check(const Json& schema, const Json& config, std::string* pointer) {
  valijson::Schema compiled;
  valijson::SchemaParser(valijson::SchemaParser::kDraft7)
      .populateSchema(valijson::adapters::NlohmannJsonAdapter(schema), compiled);
  valijson::ValidationResults results;
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  if (validator.validate(compiled, valijson::adapters::NlohmannJsonAdapter(config), &results))
    return {};
  const valijson::ValidationResults::Error error = deepest(results);
  std::vector<std::string> keys = keysOf(error.context);
  const bool about_keys = error.description.find("additionalProperties") != std::string::npos;
  const std::string unknown = about_keys ? unknownKey(schema, config, keys) : "";
  if (!unknown.empty()) {
    const std::string text = unknownMessage(schema, keys, unknown);
    keys.push_back(unknown);
    if (pointer != nullptr) *pointer = pointerOf(keys);
    return invalid(text);
  }
  if (pointer != nullptr) *pointer = pointerOf(keys);
  return invalid(message(schema, config, error, keys));
}

}  // namespace

Result<void> checkConfig(std::string_view schema_json, std::string_view config_json,
                         Patterns patterns, std::string* pointer) {
  if (pointer != nullptr) pointer->clear();
  if (schema_json.size() > kConfigSchemaBytesMax || !jsonDepthWithin(schema_json)) {
    return invalid("the module's config schema is too large or nests too deep");
  }
  if (!jsonDepthWithin(config_json)) return invalid("config nests too deep");
  const Json config =
      config_json.empty() ? Json::object() : Json::parse(config_json, nullptr, false);
  if (!config.is_object()) return invalid("config: found something else; an object is accepted");
  if (schema_json.empty()) return {};
  Json schema = Json::parse(schema_json, nullptr, false);
  if (!schema.is_object()) return invalid("the module's config schema is not a JSON object");
  Result<Json> whole = withoutReferences(schema);
  if (!whole) return invalid("the module's config schema " + whole.error().message);
  schema = patterns == Patterns::kLeftToWorker ? withoutPatterns(whole.take()) : whole.take();
  try {
    return check(schema, config, pointer);
  } catch (const std::exception& error) {
    return invalid(std::string("the module's config schema cannot be used: ") + error.what());
  }
}

}  // namespace modhost::host
