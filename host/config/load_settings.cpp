// The way of modules.yaml: bytes → tree (yaml_tree) → variables filled in (variables) → values by
// the table (keys, reader) → rules between keys (checks).
#include <filesystem>
#include <utility>

#include "host/base/startup_error.h"
#include "host/config/checks.h"
#include "host/config/reader.h"
#include "host/config/settings.h"
#include "host/config/text_file.h"
#include "host/config/variables.h"
#include "host/config/yaml_tree.h"

namespace modhost::host {

namespace {

std::string folderOf(const std::string& file) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(file, error);
  if (error) throw StartupError(file, "has no absolute path: " + error.message());
  return absolute.lexically_normal().parent_path().string();
}

void setDefaultPaths(Settings& settings) {
  for (Settings::Module& module : settings.modules) {
    if (!module.path.empty()) continue;
    module.path = (std::filesystem::path(settings.modules_dir) / (module.id + ".so")).string();
  }
}

}  // namespace

Settings loadSettings(const std::string& file) {
  Settings settings;
  settings.file = file;
  settings.folder = folderOf(file);

  YamlNode root = parseYaml(file, readTextFile(file, kYamlFileBytesMax));
  Variables variables(file, settings.folder);
  variables.fill(root);
  Reader reader(file, settings.folder);
  reader.read(root, "", settingsKeys(), settings);
  checkSettings(settings, reader);

  setDefaultPaths(settings);
  settings.variables = variables.sources();
  settings.warnings = settingsWarnings(settings, reader);
  return settings;
}

std::string Settings::Module::positionOf(const std::string& json_pointer) const {
  if (!config_places) return config_where;
  std::string pointer = json_pointer;
  auto found = config_places->find(pointer);
  while (found == config_places->end() && !pointer.empty()) {
    pointer.resize(pointer.find('/') == std::string::npos ? 0 : pointer.rfind('/'));
    found = config_places->find(pointer);
  }
  return found == config_places->end() ? config_where : found->second;
}

}  // namespace modhost::host
