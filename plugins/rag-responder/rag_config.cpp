#include "rag_config.h"

#include <modhost/error.h>

#include <algorithm>

#include "config_schema.h"

namespace rag {
namespace {

using modhost::Json;

const Json& schemaProperties() {
  static const Json schema = Json::parse(kConfigSchema);
  return schema.at("properties");
}

bool hasType(const Json& value, const std::string& type) {
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  return type == "array" && value.is_array();
}

// The part of JSON Schema that kConfigSchema uses; items of an array are checked where they are
// read.
bool accepts(const Json& property, const Json& value) {
  if (!hasType(value, property.at("type"))) return false;
  if (property.contains("enum")) {
    const Json& words = property.at("enum");
    if (std::find(words.begin(), words.end(), value) == words.end()) return false;
  }
  if (property.contains("minLength") && value.get_ref<const std::string&>().empty()) return false;
  if (property.contains("minimum") && value < property.at("minimum")) return false;
  return !property.contains("maximum") || value <= property.at("maximum");
}

Json defaults() {
  Json values = Json::object();
  for (const auto& property : schemaProperties().items()) {
    values[property.key()] = property.value().at("default");
  }
  return values;
}

RagConfig typed(const Json& values) {
  RagConfig config;
  config.searching_text = values.at("searching_text");
  config.found_text = values.at("found_text");
  config.generating_text = values.at("generating_text");
  config.generated_text = values.at("generated_text");
  config.search_type = values.at("search_type");
  config.limit = values.at("limit");
  config.excerpt_code_points = values.at("excerpt_code_points");
  config.separator = values.at("separator");
  config.no_documents_text = values.at("no_documents_text");
  config.model = values.at("model");
  config.temperature = values.at("temperature");
  config.system_prompt = values.at("system_prompt");
  return config;
}

}  // namespace

RagSettings::RagSettings(const Json& config) : values_(defaults()) {
  for (const auto& setting : config.items()) {
    const auto property = schemaProperties().find(setting.key());
    if (property == schemaProperties().end())
      throw modhost::Error("unknown setting " + setting.key());
    if (!accepts(*property, setting.value())) {
      throw modhost::Error("setting " + setting.key() + " has a value that is not accepted");
    }
    values_[setting.key()] = setting.value();
  }
  for (const Json& key : values_.at("overridable")) {
    const bool is_setting = key.is_string() && key != "overridable" && values_.contains(key);
    if (!is_setting)
      throw modhost::Error("setting overridable names something that is not a setting");
    overridable_.push_back(key);
  }
}

RagConfig RagSettings::forSpace(const Json& configuration,
                                std::vector<std::string>& ignored) const {
  Json values = values_;
  for (const std::string& key : overridable_) {
    const auto override_value = configuration.find(key);
    if (override_value == configuration.end()) continue;
    if (accepts(schemaProperties().at(key), *override_value)) {
      values[key] = *override_value;
    } else {
      ignored.push_back(key);
    }
  }
  return typed(values);
}

}  // namespace rag
