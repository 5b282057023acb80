// Parts of the file whose keys are not this table's: a module's `config` and a route's `when`. They
// leave as JSON text, with the place of every value kept apart.
#pragma once

#include <map>
#include <string>

#include "host/config/yaml_tree.h"

namespace modhost::host {

// The node as JSON. A quoted scalar is a string; an unquoted one is what JSON would read it as
// (number, true, false), else a string. That holds after variables are filled in, so `limit:
// ${LIMIT:-3}` is a number; a variable can never bring a list or a mapping.
std::string jsonText(const YamlNode& node);

// {"path": ["value", …], …} of a checked `when`: single values become lists of one.
std::string conditionsJson(const YamlNode& node);

// JSON pointer of every node → file:line:column; of the first ones only, where the pointers take
// more than 4 MiB.
std::map<std::string, std::string> placesOf(const std::string& file, const YamlNode& node);

// The node as YAML lines with its variables unresolved; parsing them gives the node again.
std::string shownYaml(const YamlNode& node);

// JSON text (of a `when`) as YAML that means the same: its dollar signs are doubled.
std::string literalYaml(const std::string& json);

// The lines of `text`, each `columns` further to the right.
std::string indented(const std::string& text, int columns);

}  // namespace modhost::host
