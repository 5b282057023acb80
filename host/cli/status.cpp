// `modhost status`: what a running host says of itself. Members it does not know are left to
// --json.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "host/base/time_text.h"
#include "host/cli/admin_client.h"
#include "host/cli/cli.h"
#include "host/cli/table.h"

namespace modhost::host {
namespace {

using StatusJson = nlohmann::json;

struct StatusOptions {
  AdminOptions admin;
  bool json = false;
};

std::string statusText(const StatusJson& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return "-";
  return found->is_string() ? shownText(found->get<std::string>(), 80) : found->dump();
}

// {"at": …, "how": …} as "3m ago: signal 11".
std::string deathText(const StatusJson& module, WallTime now) {
  const auto found = module.find("last_death");
  if (found == module.end() || !found->is_object()) return "-";
  const std::optional<WallTime> at = wallTimeFrom(found->value("at", ""));
  const std::string age =
      at ? agoText(std::chrono::duration_cast<Milliseconds>(now - *at)) + ": " : "";
  return age + statusText(*found, "how");
}

void printModules(const StatusJson& status) {
  struct Column {
    const char* title;
    const char* name;
  };
  constexpr Column kColumns[] = {{"MODULE", "id"},
                                 {"VERSION", "version"},
                                 {"ISOLATION", "isolation"},
                                 {"STATE", "state"},
                                 {"GENERATION", "generation"},
                                 {"RUNNING", "running"},
                                 {"RESTARTS", "restarts"},
                                 {"STUCK", "stuck"}};
  const auto modules = status.find("modules");
  if (modules == status.end() || !modules->is_array() || modules->empty()) {
    std::printf("\nno modules: name one under `modules` in modules.yaml\n");
    return;
  }
  std::vector<std::vector<std::string>> rows(1);
  for (const Column& column : kColumns) rows[0].push_back(column.title);
  rows[0].push_back("LAST DEATH");
  for (const StatusJson& module : *modules) {
    if (!module.is_object()) continue;
    rows.emplace_back();
    for (const Column& column : kColumns) rows.back().push_back(statusText(module, column.name));
    rows.back().push_back(deathText(module, SystemClock().wallNow()));
  }
  std::printf("\n%s", alignedTable(rows).c_str());
}

void printInbox(const StatusJson& status) {
  const auto inbox = status.find("inbox");
  if (inbox == status.end() || !inbox->is_object()) return;
  std::string line = "inbox  ";
  for (const char* name : {"waiting", "running", "closing", "dead", "done", "events", "error"}) {
    if (inbox->contains(name)) line += " " + std::string(name) + " " + statusText(*inbox, name);
  }
  std::printf("%s\n", line.c_str());
  const auto dead = inbox->find("dead");
  if (dead != inbox->end() && dead->is_number() && dead->get<double>() > 0) {
    std::printf("        modhost events list says why those are dead\n");
  }
}

int showStatus(const StatusOptions& options) {
  const AdminClient client(options.admin);
  const Result<StatusJson> status = client.get("/api/v1/status");
  if (!status) {
    std::fprintf(stderr, "modhost status: %s\n", shownText(status.error().message, 1'000).c_str());
    return 1;
  }
  if (options.json) {
    std::printf("%s\n", status.value().dump(2).c_str());
    return 0;
  }
  const auto up = status.value().find("uptime_seconds");
  const bool known = up != status.value().end() && up->is_number_integer();
  std::printf("modhost %s, up %s\n", statusText(status.value(), "version").c_str(),
              known ? ageText(Milliseconds(up->get<std::int64_t>() * 1'000)).c_str() : "-");
  printInbox(status.value());
  printModules(status.value());
  return 0;
}

}  // namespace

void addStatusCommand(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "status", "Shows a running host: its modules, their workers, and what its inbox holds.");
  const auto options = std::make_shared<StatusOptions>();
  command->add_flag("--json", options->json, "Print all of it as JSON");
  addAdminOptions(*command, options->admin);
  command->callback([options, &chosen] { chosen = [options] { return showStatus(*options); }; });
}

}  // namespace modhost::host
