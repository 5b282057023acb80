// The configuration file as a tree of nodes that know their place: what is left of YAML once it is
// through the door. Only this folder's yaml_tree.cpp sees yaml-cpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace modhost::host {

// What a hostile file is held to. Aliases count with everything they stand for.
inline constexpr std::size_t kYamlFileBytesMax = 1024 * 1024;
inline constexpr std::size_t kYamlTextBytesMax = 4 * 1024 * 1024;
inline constexpr std::size_t kYamlNodesMax = 50'000;
inline constexpr int kYamlDepthMax = 64;

// Both from 1; columns count bytes, as compilers do.
struct Mark {
  int line = 1;
  int column = 1;
};

struct YamlMember;

struct YamlNode {
  enum class Kind { kNull = 1, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  Mark mark;
  bool quoted = false;  // a quoted scalar, a block scalar or a !!str: text, whatever it looks like
  bool flow = false;    // a map written {…}
  bool from_variable = false;       // `text` came (partly) out of a variable and must not be shown
  std::string written;              // kScalar: as it stands in the file
  std::string text;                 // kScalar: with its variables filled in
  std::vector<YamlNode> items;      // kList
  std::vector<YamlMember> members;  // kMap, in the order of the file; keys are unique

  // The member's value; null when this is no map or has no such key.
  const YamlNode* find(std::string_view key) const;
};

struct YamlMember {
  std::string key;
  Mark key_mark;
  YamlNode value;
};

// "modules.yaml:3:7".
std::string placeText(const std::string& file, const Mark& mark);

// Parses one document. Throws StartupError: not UTF-8, not YAML, a duplicate key, a second
// document, a tag, a merge key, or one of the limits above. `file` is only for messages.
YamlNode parseYaml(const std::string& file, const std::string& text);

}  // namespace modhost::host
