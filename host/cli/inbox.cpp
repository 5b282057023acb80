// `modhost inbox`: a backup of the inbox beside the host that has it open, and whether a file is
// whole. Both work on the file itself and need no running host.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "host/app/process.h"
#include "host/base/time_text.h"
#include "host/cli/cli.h"
#include "host/config/settings.h"
#include "host/inbox/inbox_backup.h"
#include "host/inbox/inbox_check.h"

namespace modhost::host {
namespace {

struct InboxOptions {
  std::string config = "modules.yaml";
  std::string inbox, file;
  bool force = false;
};

int complainOfInbox(const Error& error) {
  std::fprintf(stderr, "modhost inbox: %s\n", error.message.c_str());
  return 1;
}

std::string inboxPath(const InboxOptions& options) {
  return options.inbox.empty() ? loadSettings(options.config).inbox.sqlite_path : options.inbox;
}

void printHoldings(const InboxHoldings& holdings) {
  std::printf("  waiting %lld, running %lld, closing %lld, dead letters %lld, events %lld\n",
              static_cast<long long>(holdings.waiting), static_cast<long long>(holdings.running),
              static_cast<long long>(holdings.closing), static_cast<long long>(holdings.dead),
              static_cast<long long>(holdings.events));
  if (holdings.newest) std::printf("  newest  %s\n", isoTime(*holdings.newest).c_str());
}

int backUp(const InboxOptions& options) {
  protectSecrets();
  const Result<InboxHoldings> holdings = backupInbox(
      inboxPath(options), options.file, options.force ? Overwrite::kYes : Overwrite::kNo);
  if (!holdings) return complainOfInbox(holdings.error());
  std::printf("%s\n", options.file.c_str());
  printHoldings(holdings.value());
  return 0;
}

int checkFile(const InboxOptions& options) {
  protectSecrets();
  const std::string path = options.file.empty() ? inboxPath(options) : options.file;
  const Result<std::vector<std::string>> faults = checkInbox(path);
  if (!faults) return complainOfInbox(faults.error());
  for (const std::string& fault : faults.value()) std::printf("%s\n", fault.c_str());
  const Result<InboxHoldings> holdings = inboxHoldings(path);
  if (!holdings) return complainOfInbox(holdings.error());
  std::printf("%s: %s\n", path.c_str(), faults.value().empty() ? "whole" : "damaged");
  printHoldings(holdings.value());
  return faults.value().empty() ? 0 : 1;
}

using SharedOptions = std::shared_ptr<InboxOptions>;

void addWhere(CLI::App& command, InboxOptions& options) {
  command.add_option("-c,--config", options.config, "The configuration that names the inbox")
      ->type_name("FILE")
      ->capture_default_str();
  command.add_option("--inbox", options.inbox, "The inbox itself; no configuration is read then")
      ->type_name("FILE");
}

}  // namespace

void addInboxCommand(CLI::App& app, Command& chosen) {
  CLI::App* inbox = app.add_subcommand(
      "inbox",
      "Backs the inbox up while the host runs, and checks an inbox or a backup.\n"
      "\n"
      "  modhost inbox backup /backup/inbox-monday.db\n"
      "  modhost inbox check /backup/inbox-monday.db     exit 1 when it is damaged");
  inbox->require_subcommand(1);

  const SharedOptions backup_options = std::make_shared<InboxOptions>();
  CLI::App* backup = inbox->add_subcommand(
      "backup", "Copies the inbox to a file, complete and on disk when this ends.");
  backup->add_option("file", backup_options->file, "The file to make")
      ->type_name("FILE")
      ->required();
  backup->add_flag("--force", backup_options->force, "Replace a file that is there");
  addWhere(*backup, *backup_options);
  backup->callback(
      [backup_options, &chosen] { chosen = [backup_options] { return backUp(*backup_options); }; });

  const SharedOptions check_options = std::make_shared<InboxOptions>();
  CLI::App* check = inbox->add_subcommand(
      "check", "Reads a whole inbox, holds its rows against each other and says what it holds.");
  check->add_option("file", check_options->file, "The file; none: the configured inbox")
      ->type_name("FILE");
  addWhere(*check, *check_options);
  check->callback(
      [check_options, &chosen] { chosen = [check_options] { return checkFile(*check_options); }; });
}

}  // namespace modhost::host
