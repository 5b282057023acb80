// `modhost modules`: what lies in modules_dir and what the configuration names, and whether each
// would load.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "host/app/process.h"
#include "host/app/wiring.h"
#include "host/base/startup_error.h"
#include "host/cli/cli.h"
#include "host/config/pins.h"
#include "host/modules/runner_factory.h"

namespace modhost::host {
namespace {

namespace fs = std::filesystem;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// Every configured file, and every .so in modules_dir, each once and in order.
std::set<std::string> moduleFiles(const Settings& settings) {
  std::set<std::string> files;
  for (const Settings::Module& module : settings.modules) files.insert(module.path);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(settings.modules_dir, ignored)) {
    if (entry.path().extension() == ".so") files.insert(entry.path().string());
  }
  return files;
}

std::string configuredAs(const Settings& settings, const std::string& file) {
  for (const Settings::Module& module : settings.modules) {
    if (module.path == file) return module.isolation + (module.answers ? ", answers" : "");
  }
  return "not configured";
}

const Settings::Module* entryOf(const Settings& settings, const std::string& file) {
  for (const Settings::Module& module : settings.modules) {
    if (module.path == file) return &module;
  }
  return nullptr;
}

std::string pinnedAs(const Settings::Module* entry) {
  if (entry == nullptr) return "";
  return entry->sha256.empty() ? " (not pinned)" : " (pinned)";
}

void printModule(const ModuleDescription& module, const std::string& file,
                 const std::string& configured, const std::string& sum) {
  std::printf("%s %s (%s)\n", module.id.c_str(), module.version.c_str(), configured.c_str());
  if (!module.description.empty()) std::printf("  %s\n", module.description.c_str());
  std::printf("  file         %s\n", file.c_str());
  std::printf("  sha256       %s\n", sum.c_str());
  std::printf("  events       %s\n", module.event_types.empty()
                                         ? "none named; the routes decide"
                                         : joined(module.event_types).c_str());
  std::printf("  concurrency  up to %d\n", module.concurrency_max);
  std::printf("  module ABI   %d, host minor %d or newer\n", module.abi_major,
              module.abi_min_minor);
}

int listModules(const std::string& config) {
  protectSecrets();
  const Settings settings = loadSettings(config);
  SystemClock clock;
  int unusable = 0;
  for (const std::string& file : moduleFiles(settings)) {
    const Settings::Module* entry = entryOf(settings, file);
    const auto digest = moduleDigest(file);
    const auto module =
        inspectModule(file, entry == nullptr ? "" : entry->sha256, runnerSettings(settings), clock);
    if (module.ok() && digest.ok()) {
      printModule(module.value(), file, configuredAs(settings, file),
                  digest.value() + pinnedAs(entry));
    } else {
      std::printf("%s\n", module.error().message.c_str());
      ++unusable;
    }
  }
  return unusable == 0 ? 0 : 1;
}

// What is written is what lies there now, whoever put it there: the operator says that it is trusted.
int pinAll(const std::string& config) {
  protectSecrets();
  const Settings settings = loadSettings(config);
  Pins pins;
  for (const Settings::Module& module : settings.modules) {
    const auto digest = moduleDigest(module.path);
    if (!digest.ok()) throw StartupError(module.where, digest.error().message);
    pins.push_back({module.id, module.path, digest.value()});
  }
  const bool changed = pinModules(config, pins);
  for (std::size_t i = 0; i < pins.size(); ++i) {
    const Settings::Module& module = settings.modules[i];
    const std::string& sum = pins[i].sum;
    const bool same = module.sha256 == sum;
    std::printf("%s %s%s\n", module.id.c_str(), sum.c_str(),
                same                    ? " (as before)"
                : module.sha256.empty() ? " (new)"
                                        : (" (was " + module.sha256 + ")").c_str());
  }
  if (changed) std::printf("%s has changed; modhost reload takes it over\n", config.c_str());
  return 0;
}

}  // namespace

void addModulesCommand(CLI::App& app, Command& chosen) {
  CLI::App* command =
      app.add_subcommand("modules",
                         "Lists the modules in modules_dir and in the configuration, and says why "
                         "one would not load.\n"
                         "Each is looked at in a process of its own. Exit 1 when one is unusable.");
  auto config = std::make_shared<std::string>("modules.yaml");
  auto pin = std::make_shared<bool>(false);
  command->add_option("-c,--config", *config, "The configuration file")
      ->type_name("FILE")
      ->capture_default_str();
  command->add_flag("--pin", *pin,
                    "Write the SHA-256 of every configured module's file into the configuration, "
                    "so that no other file is loaded");
  command->callback([config, pin, &chosen] {
    chosen = [config, pin] { return *pin ? pinAll(*config) : listModules(*config); };
  });
}

}  // namespace modhost::host
