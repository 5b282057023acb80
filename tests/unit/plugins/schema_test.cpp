// What holds for the config schema of every module that ships.
#include <algorithm>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "tests/unit/plugin-api/fake_host.h"

using namespace modhost;
using namespace modhost::test;

namespace {

bool accepts(const Json& schema_json, const Json& config) {
  valijson::Schema schema;
  valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_json),
                                          schema);
  return valijson::Validator().validate(schema, valijson::adapters::NlohmannJsonAdapter(config),
                                        nullptr);
}

}  // namespace

TEST_SUITE("plugins") {
  TEST_CASE("plugins: every config schema is valid and describes each key and takes no other") {
    for (const char* path : {ECHO_FILE, MESSAGE_LOGGER_FILE, RAG_RESPONDER_FILE}) {
      CAPTURE(std::string(path));
      const LoadedFile file(path);
      const Json schema = Json::parse(text(file.module().config_schema));

      CHECK(schema.at("additionalProperties") == false);
      CHECK(accepts(schema, Json::object()));
      CHECK_FALSE(accepts(schema, {{"junk", 1}}));
      CHECK_FALSE(accepts(schema, Json::array()));
      const Json properties = schema.value("properties", Json::object());
      for (const auto& property : properties.items()) {
        CHECK(property.value().at("description").is_string());
        CHECK(accepts(schema, {{property.key(), property.value().at("default")}}));
        CHECK_FALSE(accepts(schema, {{property.key(), Json::object()}}));
      }
    }
  }

  TEST_CASE("plugins: the overridable keys of rag-responder are its other keys") {
    const LoadedFile file(RAG_RESPONDER_FILE);
    const Json properties = Json::parse(text(file.module().config_schema)).at("properties");
    std::vector<std::string> keys;
    for (const auto& property : properties.items()) {
      if (property.key() != "overridable") keys.push_back(property.key());
    }

    auto listed =
        properties.at("overridable").at("items").at("enum").get<std::vector<std::string>>();
    std::sort(listed.begin(), listed.end());

    CHECK(listed == keys);
  }

  TEST_CASE("plugins: every module may run in a worker and in the host") {
    for (const char* path : {ECHO_FILE, MESSAGE_LOGGER_FILE, RAG_RESPONDER_FILE}) {
      const LoadedFile file(path);
      CHECK(file.module().isolation_allowed ==
            (MODHOST_ISOLATION_WORKER | MODHOST_ISOLATION_IN_PROCESS));
    }
  }
}
