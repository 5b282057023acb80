// `modhost log-level`: how much a running host logs, and more or less of it for a while.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "host/base/startup_error.h"
#include "host/cli/admin_client.h"
#include "host/cli/cli.h"
#include "host/cli/table.h"

namespace modhost::host {
namespace {

using LevelsJson = nlohmann::json;

constexpr char kLevelsPath[] = "/api/v1/log-level";

struct LogLevelOptions {
  AdminOptions admin;
  std::string level, module;
  bool reset = false, json = false;
};

std::string levelMember(const LevelsJson& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? shownText(found->get<std::string>(), 63)
                                                     : "-";
}

std::string levelOrigin(const LevelsJson& object) {
  const std::string from = levelMember(object, "from");
  if (from == "by_hand") return "set by hand";
  return from == "common" ? "that of all" : from;
}

std::vector<std::string> levelRow(const std::string& whose, const LevelsJson& object) {
  return {whose, levelMember(object, "level"), levelOrigin(object)};
}

void printLevels(const LevelsJson& levels) {
  std::vector<std::vector<std::string>> rows = {{"MODULE", "LEVEL", "FROM"},
                                                levelRow("(all)", levels)};
  for (const LevelsJson& module : levels.value("modules", LevelsJson::array())) {
    rows.push_back(levelRow(levelMember(module, "id"), module));
  }
  std::fputs(alignedTable(rows).c_str(), stdout);
  for (const std::vector<std::string>& row : rows) {
    if (row.back() != "set by hand") continue;
    std::printf("What is set by hand lasts until the next reload or restart.\n");
    return;
  }
}

Result<LevelsJson> levelsAfter(const LogLevelOptions& options) {
  const AdminClient client(options.admin);
  if (options.level.empty() && !options.reset) return client.get(kLevelsPath);
  LevelsJson wish = LevelsJson::object();
  if (!options.level.empty()) wish["level"] = options.level;
  if (!options.module.empty()) wish["module"] = options.module;
  if (options.reset) wish["reset"] = true;
  return client.post(kLevelsPath, wish);
}

int runLogLevel(const LogLevelOptions& options) {
  if (!options.module.empty() && options.level.empty() && !options.reset) {
    throw StartupError("log-level", "--module alone; accepted: it with a level, or with --reset");
  }
  const Result<LevelsJson> levels = levelsAfter(options);
  if (!levels) {
    std::fprintf(stderr, "modhost log-level: %s\n",
                 shownText(levels.error().message, 1'000).c_str());
    return 1;
  }
  if (options.json) {
    std::printf("%s\n", levels.value().dump(2).c_str());
  } else if (levels.value().is_object()) {
    printLevels(levels.value());
  }
  return 0;
}

}  // namespace

void addLogLevelCommand(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "log-level",
      "Shows how much a running host logs and where each level comes from; with a level, sets it.\n"
      "What is set so lasts until the next reload or restart sets the configured levels again.\n"
      "\n"
      "  modhost log-level                            the levels in force\n"
      "  modhost log-level debug                      of all that has no level of its own\n"
      "  modhost log-level trace --module my-module   its own lines and its platform calls\n"
      "  modhost log-level --reset                    the configured levels again");
  const auto options = std::make_shared<LogLevelOptions>();
  CLI::Option* level =
      command->add_option("level", options->level, "trace, debug, info, warn or error")
          ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  command->add_option("--module", options->module, "Of this module alone");
  command->add_flag("--reset", options->reset, "Take back what was set by hand")->excludes(level);
  command->add_flag("--json", options->json, "Print JSON");
  addAdminOptions(*command, options->admin);
  command->callback([options, &chosen] { chosen = [options] { return runLogLevel(*options); }; });
}

}  // namespace modhost::host
