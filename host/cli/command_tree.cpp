#include "host/cli/command_tree.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "host/config/text.h"

namespace modhost::host {
namespace {

// CLI11 keeps a type and its checks in one text: "TEXT:{dead,waiting}".
void readType(const std::string& type, CommandOption& option) {
  option.value = type.substr(0, type.find(':'));
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}');
  if (open == std::string::npos || close == std::string::npos) return;
  option.choices = split(type.substr(open + 1, close - open - 1), ',');
}

std::vector<std::string> namesOf(const CLI::Option& from) {
  std::vector<std::string> names;
  for (const std::string& name : from.get_snames()) names.push_back("-" + name);
  for (const std::string& name : from.get_lnames()) names.push_back("--" + name);
  if (names.empty()) names.push_back(from.get_name(true));
  return names;
}

CommandOption optionOf(const CLI::Option& from) {
  CommandOption option;
  option.names = namesOf(from);
  if (from.get_type_size() != 0) readType(from.get_type_name(), option);
  option.fallback = from.get_default_str();
  option.about = from.get_description();
  option.positional = from.get_positional();
  option.required = from.get_required();
  option.many =
      option.positional && from.get_expected_max() >= CLI::detail::expected_max_vector_size;
  return option;
}

// All that follows a command which passes it on.
CommandOption anything() {
  CommandOption option;
  option.names = {"arguments"};
  option.value = "FILE";
  option.positional = option.many = true;
  return option;
}

}  // namespace

CommandTree commandTree(const CLI::App& app, const std::string& path) {
  CommandTree tree;
  tree.path = path;
  tree.name = app.get_name();
  tree.about = app.get_description();
  tree.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_group().empty()) tree.options.push_back(optionOf(*option));
  }
  if (app.get_prefix_command()) tree.options.push_back(anything());
  for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (one->get_group().empty()) continue;
    tree.commands.push_back(commandTree(*one, path + (path.empty() ? "" : " ") + one->get_name()));
  }
  return tree;
}

std::vector<const CommandTree*> wholeTree(const CommandTree& root) {
  std::vector<const CommandTree*> all = {&root};
  for (const CommandTree& command : root.commands) {
    const std::vector<const CommandTree*> below = wholeTree(command);
    all.insert(all.end(), below.begin(), below.end());
  }
  return all;
}

}  // namespace modhost::host
