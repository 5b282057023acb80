#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "host/app/app.h"
#include "host/cli/cli.h"

namespace modhost::host {

void addRunCommand(CLI::App& app, Command& chosen) {
  CLI::App* command =
      app.add_subcommand("run",
                         "Serves webhooks until SIGTERM or Ctrl-C. Running answers are finished "
                         "first (dispatch.drain);\n"
                         "what was acknowledged and not finished is taken up at the next start.");
  auto config = std::make_shared<std::string>("modules.yaml");
  command->add_option("-c,--config", *config, "The configuration file")
      ->type_name("FILE")
      ->capture_default_str();
  command->callback([config, &chosen] { chosen = [config] { return runHost(*config); }; });
}

}  // namespace modhost::host
