#include "host/cli/sandbox.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "host/base/startup_error.h"

namespace modhost::host {
namespace {

constexpr const char* kProgram = "modhost-sandbox";

int becomeSandbox(const std::vector<std::string>& arguments) {
  const std::string program = findSandboxProgram().string();
  std::string name = kProgram;
  std::vector<std::string> words = arguments;
  std::vector<char*> argv = {name.data()};
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp(program.c_str(), argv.data());
  throw StartupError(program, std::string(std::strerror(errno)) +
                                  "; expected it beside modhost or in PATH (it is built and "
                                  "installed with modhost)");
}

}  // namespace

std::filesystem::path findSandboxProgram() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path beside = self.parent_path() / kProgram;
  if (!error && ::access(beside.c_str(), X_OK) == 0) return beside;
  return kProgram;
}

void addSandboxCommand(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* command = app.add_subcommand(
      "sandbox", "The platform on your desk, over a folder of documents (modhost-sandbox).");
  // Everything goes on as it is, --help too: modhost-sandbox knows its options best.
  command->prefix_command();
  command->set_help_flag();
  command->callback([command, &chosen] {
    chosen = [arguments = command->remaining()] { return becomeSandbox(arguments); };
  });
}

}  // namespace modhost::host
