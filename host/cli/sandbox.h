// modhost sandbox: becomes the program modhost-sandbox, with the arguments as given.
#pragma once

#include <filesystem>
#include <functional>

namespace CLI {
class App;
}

namespace modhost::host {

// modhost-sandbox beside this executable, else its bare name, for which exec looks in PATH.
std::filesystem::path findSandboxProgram();

void addSandboxCommand(CLI::App& app, std::function<int()>& chosen);

}  // namespace modhost::host
