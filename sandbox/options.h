// The command line of modhost-sandbox.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "sandbox/sandbox.h"

namespace modhost::sandbox {

struct Options {
  SandboxSettings settings;
  std::string secret_env;           // the variable the secret came from, for the banner
  std::filesystem::path port_file;  // empty: none
  bool verbose = false;
};

// Reads arguments and the environment variables they name. nullopt: help or a mistake was printed,
// and the program ends with `exit_code`. Throws host::StartupError for what only the environment
// can get wrong.
std::optional<Options> readOptions(int argc, char** argv, int& exit_code);

// "20ms", "2s", "1m", "0"; nullopt for anything else and for more than a day.
std::optional<host::Milliseconds> parseDuration(const std::string& text);

}  // namespace modhost::sandbox
