// The pages are made when the host is built, by the hidden `modhost manual PAGE`.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "host/cli/cli.h"
#include "host/cli/command_tree.h"
#include "host/cli/roff.h"
#include "host/config/settings.h"

namespace modhost::host {
namespace {

std::string pageHead(const std::string& name, const std::string& section,
                     const std::string& about) {
  return ".TH " + name + " " + section + " \"\" \"modhost " MODHOST_VERSION "\"\n" +
         ".nh\n.ad l\n.SH NAME\n" + name + " \\- " + about + "\n";
}

std::string optionNames(const CommandOption& option) {
  std::string names;
  for (const std::string& name : option.names) {
    names += (names.empty() ? "" : ", ") + ("**" + name + "**");
  }
  return roffLine(option.positional || option.value.empty() ? names
                                                            : names + " *" + option.value + "*");
}

std::string optionItem(const CommandOption& option) {
  std::string about = option.about.empty() ? "Passed on as they are." : option.about;
  if (!option.fallback.empty()) about += " (by default `" + option.fallback + "`)";
  return ".TP\n" + optionNames(option) + "\n" + roffLine(about) + "\n";
}

std::string argumentText(const CommandOption& option) {
  const std::string name = "*" + option.names.front() + "*" + (option.many ? "..." : "");
  return option.required ? " " + name : " [" + name + "]";
}

std::string usageOf(const CommandTree& command) {
  std::string usage = "**modhost" + (command.path.empty() ? "" : " " + command.path) + "**";
  std::string arguments;
  bool options = false;
  for (const CommandOption& option : command.options) {
    options = options || !option.positional;
    if (option.positional) arguments += argumentText(option);
  }
  usage += options ? " [*options*]" : "";
  return roffLine(usage + arguments + (command.commands.empty() ? "" : " *command*"));
}

std::string commandSection(const CommandTree& command) {
  std::string text = ".SS " + usageOf(command) + "\n" + roffBlocks(command.about);
  for (const CommandOption& option : command.options) text += optionItem(option);
  return text;
}

}  // namespace

std::string commandManual(const CommandTree& root) {
  std::string page =
      pageHead("modhost", "1", "host for external modules of the Unique AI chat platform");
  page += ".SH SYNOPSIS\n" + usageOf(root) + "\n.SH DESCRIPTION\n" + roffBlocks(root.about);
  page += ".SH OPTIONS\n";
  for (const CommandOption& option : root.options) page += optionItem(option);
  page += ".SH COMMANDS\n";
  for (const CommandTree* command : wholeTree(root)) {
    if (command != &root) page += commandSection(*command);
  }
  return page + ".SH NOTES\n" + roffBlocks(root.footer) + ".SH SEE ALSO\n.BR modules.yaml (5)\n";
}

std::string settingsManual(const std::string& reference) {
  return pageHead("modules.yaml", "5", "configuration of modhost") + ".SH DESCRIPTION\n" +
         roffBlocks(reference) + ".SH SEE ALSO\n.BR modhost (1)\n";
}

void addManualCommand(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("manual", "Prints a manual page as roff.")->group("");
  const auto page = std::make_shared<std::string>();
  command->add_option("page", *page)->required()->check(CLI::IsMember({"modhost", "modules.yaml"}));
  command->callback([page, &app, &chosen] {
    chosen = [page, &app] {
      const std::string text = *page == "modhost" ? commandManual(commandTree(app))
                                                  : settingsManual(settingsReference());
      std::fputs(text.c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace modhost::host
