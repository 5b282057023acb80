#include <CLI/CLI.hpp>

#include "host/cli/cli.h"
#include "host/modules/worker_main.h"
#include "host/modules/worker_protocol.h"

namespace modhost::host {

// Not for people, hence in no help: the host starts itself as `modhost worker`, with the channels
// on descriptors it left open.
void addWorkerCommand(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("worker", "")->group("");
  command->callback(
      [&chosen] { chosen = [] { return workerMain(kWorkerChannelFd, kWorkerFaultFd); }; });
}

}  // namespace modhost::host
