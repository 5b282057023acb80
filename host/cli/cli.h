// The command line. One file per subcommand; each adds itself to the parser and, when it was
// chosen, leaves the function to run.
#pragma once

#include <functional>
#include <stdexcept>

namespace CLI {
class App;
}

namespace modhost::host {

// What a subcommand's parser callback leaves behind; returns the process's exit code.
using Command = std::function<int()>;

void addRunCommand(CLI::App& app, Command& chosen);
void addCheckCommand(CLI::App& app, Command& chosen);
void addModulesCommand(CLI::App& app, Command& chosen);
void addReloadCommand(CLI::App& app, Command& chosen);
void addLogLevelCommand(CLI::App& app, Command& chosen);
void addStatusCommand(CLI::App& app, Command& chosen);
void addEventsCommand(CLI::App& app, Command& chosen);
void addInboxCommand(CLI::App& app, Command& chosen);
void addVersionCommand(CLI::App& app, Command& chosen);
void addCompletionCommand(CLI::App& app, Command& chosen);
void addManualCommand(CLI::App& app, Command& chosen);
void addWorkerCommand(CLI::App& app, Command& chosen);

// Exit codes of every subcommand: 0 done, 1 it ran and failed, 2 it could not start (bad
// configuration, bad arguments). StartupError is caught here and nowhere else.
int runCommandLine(int argc, char** argv);

}  // namespace modhost::host
