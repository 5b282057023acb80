// `modhost reload`: asks a running host to take over what has changed, and says what came of it.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "host/cli/admin_client.h"
#include "host/cli/cli.h"
#include "host/cli/table.h"

namespace modhost::host {
namespace {

std::string namesIn(const nlohmann::json& reply, const char* member) {
  std::string text;
  const auto names = reply.find(member);
  if (names == reply.end() || !names->is_array()) return text;
  for (const auto& name : *names) {
    if (!name.is_string()) continue;
    text += (text.empty() ? "" : ", ") + shownText(name.get<std::string>(), 100);
  }
  return text;
}

int askToReload(const AdminOptions& options) {
  const AdminClient client(options);
  const auto reply = client.post("/api/v1/reload", nlohmann::json::object());
  if (!reply) {
    std::fprintf(stderr, "modhost reload: %s\n", shownText(reply.error().message, 1'000).c_str());
    return reply.error().kind == ErrorKind::kInvalid ? 2 : 1;
  }
  const nlohmann::json& outcome = reply.value();
  if (!outcome.is_object() || !outcome.value("reloaded", false)) {
    std::fprintf(stderr, "modhost reload: not over yet; the host's log will say what came of it\n");
    return 1;
  }
  bool changed = false;
  for (const char* member : {"added", "replaced", "removed"}) {
    const std::string names = namesIn(outcome, member);
    if (names.empty()) continue;
    changed = true;
    std::printf("%s: %s\n", member, names.c_str());
  }
  if (!changed) std::printf("no module has changed\n");
  const std::string waits = namesIn(outcome, "needs_restart");
  if (!waits.empty()) std::printf("needs a restart: %s\n", waits.c_str());
  return 0;
}

}  // namespace

void addReloadCommand(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "reload",
      "Has a running host take over a changed configuration and changed modules, and says what "
      "came of it.\n"
      "Exit 2: refused, in one line; everything stays as it was. Exit 1: nobody answered.");
  const auto options = std::make_shared<AdminOptions>();
  addAdminOptions(*command, *options);
  command->callback([options, &chosen] { chosen = [options] { return askToReload(*options); }; });
}

}  // namespace modhost::host
