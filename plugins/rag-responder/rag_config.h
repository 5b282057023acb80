// RagConfig: the settings of one answer.
#pragma once

#include <modhost/json.h>

#include <cstddef>
#include <string>
#include <vector>

namespace rag {

struct RagConfig {
  std::string searching_text, found_text, generating_text, generated_text;
  std::string search_type;
  int limit = 0;
  std::size_t excerpt_code_points = 0;
  std::string separator, no_documents_text;
  std::string model;
  double temperature = 0;
  std::string system_prompt;
};

// The module's settings with the schema's defaults under them, and what a space may change of them.
// Immutable, so that any number of threads may read it.
class RagSettings {
 public:
  // Throws modhost::Error naming the key when `config` has one that the schema does not, or a value
  // that the schema does not accept. The host has checked already; a test or another host may not
  // have.
  explicit RagSettings(const modhost::Json& config);

  // The settings for an event whose payload.configuration is `configuration`. Keys that are not
  // overridable are not looked at; an overridable one with a value the schema does not accept keeps
  // its setting and is added to `ignored`.
  RagConfig forSpace(const modhost::Json& configuration, std::vector<std::string>& ignored) const;

 private:
  modhost::Json values_;  // every key of the schema
  std::vector<std::string> overridable_;
};

}  // namespace rag
