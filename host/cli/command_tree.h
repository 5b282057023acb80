// CommandTree: the parser's subcommands and options as plain values, from which the manual page and
// the shells' completions are made, so that neither can speak of an option that is not there.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace modhost::host {

struct CommandOption {
  std::vector<std::string> names;  // "-c", "--config"; of an argument without dashes: its one name
  std::string value;               // what follows it: "FILE", "TEXT", "INT"; empty: nothing
  std::vector<std::string> choices;  // empty: any value
  std::string fallback;              // empty: none
  std::string about;
  bool positional = false, required = false, many = false;

  bool takesFile() const { return value == "FILE"; }
};

struct CommandTree {
  std::string path;  // "events list"; of modhost itself: ""
  std::string name;
  std::string about;  // what --help says: lines, examples indented by two blanks
  std::string footer;
  std::vector<CommandOption> options;
  std::vector<CommandTree> commands;
};

// Without what no help shows. `app` is the whole parser, or a part of it with its path.
CommandTree commandTree(const CLI::App& app, const std::string& path = "");

// The command and all below it, each before its own.
std::vector<const CommandTree*> wholeTree(const CommandTree& root);

// A page for man, as roff: modhost(1).
std::string commandManual(const CommandTree& root);
// modules.yaml(5), from the text of docs/configuration.md.
std::string settingsManual(const std::string& reference);

// A script for the shell, which needs none of its libraries: "bash", "zsh" or "fish".
std::string completionScript(const CommandTree& root, const std::string& shell);

}  // namespace modhost::host
