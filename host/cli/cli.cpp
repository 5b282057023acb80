#include "host/cli/cli.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include "host/base/startup_error.h"
#include "host/cli/ask.h"
#include "host/cli/sandbox.h"
#include "host/cli/send.h"
#include "host/modules/in_process_runner.h"

namespace modhost::host {
namespace {

constexpr char kAbout[] =
    "modhost answers the webhooks of the Unique AI chat platform with modules.\n"
    "\n"
    "Try it without an account, in two terminals:\n"
    "  modhost sandbox docs/            the platform on your desk, over a folder of documents\n"
    "  modhost run -c modules.yaml      the host with its modules\n"
    "then ask:\n"
    "  modhost ask \"What does the inbox promise?\"";

constexpr char kFooter[] =
    "Exit codes: 0 done, 1 it ran and failed, 2 it could not start (configuration, arguments).\n"
    "Settings are described in modules.yaml(5) and docs/configuration.md; `modhost check` explains "
    "what is wrong with yours.";

const CLI::App* commandNamed(const CLI::App& app, const std::string& name) {
  const auto found =
      app.get_subcommands([&](const CLI::App* one) { return one->check_name(name); });
  return found.empty() ? nullptr : found.front();
}

// CLI11 says "A subcommand is required" of a mistyped one, which is true and no help.
bool saidUnknownCommand(const CLI::App& app, int argc, char** argv) {
  const CLI::App* command = &app;
  std::string help = app.get_name() + " ";
  for (int i = 1; i < argc && *argv[i] != '-'; ++i) {
    const CLI::App* next = commandNamed(*command, argv[i]);
    const bool takes_commands = command->get_require_subcommand_min() > 0;
    if (next == nullptr && !takes_commands) return false;
    if (next == nullptr) {
      std::fprintf(stderr, "modhost: no command is called \"%s\"; %s--help lists them\n", argv[i],
                   help.c_str());
      return true;
    }
    command = next;
    help += command->get_name() + " ";
  }
  return false;
}

int runChosen(const Command& chosen) {
  try {
    return chosen();
  } catch (const StartupError& error) {
    std::fprintf(stderr, "modhost: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "modhost: unexpected: %s\n", error.what());
    return 1;
  }
}

// A module's thread that never came back must not meet destructors.
int leave(int status) {
  if (modulesLeftBehind() == 0) return status;
  std::cout.flush();
  std::fflush(nullptr);
  std::_Exit(status);
}

}  // namespace

int runCommandLine(int argc, char** argv) {
  CLI::App app{kAbout, "modhost"};
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("modhost ") + MODHOST_VERSION);
  Command chosen;
  addRunCommand(app, chosen);
  addCheckCommand(app, chosen);
  addModulesCommand(app, chosen);
  addReloadCommand(app, chosen);
  addLogLevelCommand(app, chosen);
  addStatusCommand(app, chosen);
  addEventsCommand(app, chosen);
  addInboxCommand(app, chosen);
  addAskCommand(app, chosen);
  addSendCommand(app, chosen);
  addSandboxCommand(app, chosen);
  addVersionCommand(app, chosen);
  addCompletionCommand(app, chosen);
  addManualCommand(app, chosen);
  addWorkerCommand(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (saidUnknownCommand(app, argc, argv)) return 2;
    return app.exit(error) == 0 ? 0 : 2;
  }
  return leave(runChosen(chosen));
}

}  // namespace modhost::host
