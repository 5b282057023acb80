// `modhost check`: all of start but serving. Every module is loaded and started for a moment, in a
// worker process where it allows that, so that one that would refuse at start refuses here.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "host/app/module_set.h"
#include "host/app/process.h"
#include "host/app/start_check.h"
#include "host/cli/cli.h"

namespace modhost::host {
namespace {

struct CheckOptions {
  std::string config = "modules.yaml";
  bool reference = false;
  bool json_schema = false;
};

int print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return 0;
}

int check(const CheckOptions& options) {
  if (options.reference) return print(settingsReference());
  if (options.json_schema) return print(settingsJsonSchema());
  protectSecrets();
  Settings settings = loadSettings(options.config);
  warnOfExpired(settings, SystemClock().wallNow());
  const std::vector<std::string> about_here =
      startWarnings(startFacts(settings, SystemClock().wallNow()));
  settings.warnings.insert(settings.warnings.end(), about_here.begin(), about_here.end());
  checkModules(settings);
  for (const std::string& warning : settings.warnings)
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  return print(effectiveYaml(settings));
}

}  // namespace

void addCheckCommand(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "check",
      "Does all of `run` but serving: reads the configuration, loads and starts each module for a "
      "moment,\n"
      "holds its settings against its schema, and prints the effective configuration with secrets "
      "masked.\n"
      "Exit 0: `run` would start. Exit 2: one line says where, what was found, what is accepted.");
  auto options = std::make_shared<CheckOptions>();
  command->add_option("-c,--config", options->config, "The configuration file")
      ->type_name("FILE")
      ->capture_default_str();
  command->add_flag("--reference", options->reference, "Print docs/configuration.md instead");
  command->add_flag("--json-schema", options->json_schema,
                    "Print the JSON Schema of the configuration file instead, for editors");
  command->callback([options, &chosen] { chosen = [options] { return check(*options); }; });
}

}  // namespace modhost::host
