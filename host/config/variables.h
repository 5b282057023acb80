// Variables: fills `${NAME}` into the text of modules.yaml, from the environment, from the service
// manager's credentials (files in $CREDENTIALS_DIRECTORY) and from `.env`, in this order.
//
//   ${NAME}           its value; a variable that is not set is an error
//   ${NAME:-default}  the default when NAME is not set or empty; it may hold further ${…}
//   $$                one $
//
// A value is text, whatever it holds: it is neither parsed as YAML nor searched for variables
// again.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/config/yaml_tree.h"

namespace modhost::host {

inline constexpr int kVariableNestingMax = 8;  // ${A:-${B:-…}}
inline constexpr std::size_t kVariableBytesMax =
    4 * 1024 * 1024;  // that all variables may bring together

class Variables {
 public:
  // `file` is only for messages. Reads `.env` in `folder`, throwing StartupError when it is
  // unreadable.
  Variables(std::string file, const std::string& folder);

  // Fills every scalar of the tree. Throws StartupError with the scalar's place.
  void fill(YamlNode& node);

  // How each variable was found, by name: "UNIQUE_API_KEY from .env". Never a value.
  std::vector<std::string> sources() const;

 private:
  struct Place {
    Mark mark;
    bool used = false;               // a variable's value went in
    std::vector<std::string> tried;  // not set; their defaults are being filled in
  };

  [[noreturn]] void refuse(const Place& place, const std::string& what) const;
  [[noreturn]] void refuseUnset(const Place& place) const;
  void fillScalar(YamlNode& node);
  std::string expand(std::string_view text, Place& place, int nesting);
  std::string reference(std::string_view inside, Place& place, int nesting);
  std::size_t closingBrace(std::string_view text, std::size_t start, const Place& place) const;
  std::optional<std::string> lookUp(const std::string& name, Place& place);
  std::optional<std::string> credential(const std::string& name) const;
  void admit(const std::string& name, const std::string& value, Place& place);

  std::string file_;
  std::string credentials_folder_;  // empty: there are none
  std::string dot_env_path_;
  std::map<std::string, std::string> dot_env_;
  std::map<std::string, std::string> sources_;
  std::size_t bytes_ = 0;
};

}  // namespace modhost::host
