#include <CLI/CLI.hpp>
#include <cstdio>

#include "host/cli/cli.h"
#include "plugin-api/include/modhost/abi.h"

namespace modhost::host {
namespace {

int printVersion() {
  std::printf("modhost %s\nmodule ABI %d.%d\n", MODHOST_VERSION, MODHOST_ABI_MAJOR,
              MODHOST_ABI_MINOR);
  return 0;
}

}  // namespace

void addVersionCommand(CLI::App& app, Command& chosen) {
  CLI::App* command =
      app.add_subcommand("version", "Prints the version and the module ABI it offers.");
  command->callback([&chosen] { chosen = printVersion; });
}

}  // namespace modhost::host
