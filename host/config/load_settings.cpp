// The way of modules.yaml: bytes → tree (yaml_tree) → variables filled in (variables) → values by
// the table (keys, reader) → rules between keys (checks).
#include <filesystem>
#include <utility>

#include "host/base/file_trust.h"
#include "host/base/startup_error.h"
#include "host/base/time_text.h"
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

std::vector<std::string> dotEnvWarnings(const std::string& folder) {
  const std::string path = folder + "/.env";
  const auto rights = rightsAt(path);
  const std::string fault = rights ? readersFault(*rights) : "";
  if (fault.empty()) return {};
  return {path + ": " + fault};
}

void append(const std::vector<std::string>& more, std::vector<std::string>& lines) {
  lines.insert(lines.end(), more.begin(), more.end());
}

}  // namespace

Settings loadSettings(const std::string& file) {
  Settings settings;
  settings.file = file;
  settings.folder = folderOf(file);

  requireTrustedFolder(settings.folder);
  YamlNode root = parseYaml(file, readTextFile(file, kYamlFileBytesMax).text);
  Variables variables(file, settings.folder);
  variables.fill(root);
  Reader reader(file, settings.folder);
  reader.read(root, "", settingsKeys(), settings);
  checkSettings(settings, reader);
  requireTrustedFolder(settings.modules_dir);

  setDefaultPaths(settings);
  settings.variables = variables.sources();
  settings.warnings = settingsWarnings(settings, reader);
  append(reader.warnings(), settings.warnings);
  append(dotEnvWarnings(settings.folder), settings.warnings);
  return settings;
}

void warnOfExpired(Settings& settings, WallTime now) {
  std::vector<std::string> expired;
  for (const Settings::SigningSecret& secret : settings.webhook.secrets) {
    if (!secret.expires || now < *secret.expires) continue;
    expired.push_back(secret.where + ": a secret of webhook.secrets expired at " +
                      isoTime(*secret.expires) + " and verifies nothing any more");
  }
  append(expired, settings.warnings);
  if (expired.size() < settings.webhook.secrets.size()) return;
  throw StartupError(settings.webhook.secrets.front().where,
                     "every secret of webhook.secrets has expired, so that no event could be "
                     "verified; accepted: one at least that has not");
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
