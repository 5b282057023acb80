// `modhost events`: what the inbox of a running host holds, and what becomes of dead letters. All
// of it goes through the admin API (docs/admin-api.md).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "host/base/startup_error.h"
#include "host/base/time_text.h"
#include "host/cli/admin_client.h"
#include "host/cli/cli.h"
#include "host/cli/table.h"

namespace modhost::host {
namespace {

using EventJson = nlohmann::json;

constexpr int kSliceEvents = 100;  // of one request
constexpr std::size_t kWhyShown = 70;
constexpr std::size_t kIdShown = 40;

struct EventsOptions {
  AdminOptions admin;
  std::string state = "dead";
  std::string module, end, older_than, newer_than;
  std::vector<std::string> ids, to;
  int limit = 50;
  bool all = false, json = false, yes = false, body = false;
};

std::string memberText(const EventJson& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

EventJson memberList(const EventJson& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : EventJson::array();
}

int complain(const Error& error) {
  std::fprintf(stderr, "modhost events: %s\n", shownText(error.message, 1'000).c_str());
  return 1;
}

int printDocument(const EventJson& json) {
  std::printf("%s\n", json.dump(2, ' ', false, EventJson::error_handler_t::replace).c_str());
  return 0;
}

// The age of one of the reply's times, seen from the host's own clock.
std::optional<Milliseconds> ageBetween(const std::string& now, const std::string& then) {
  const std::optional<WallTime> until = wallTimeFrom(now);
  const std::optional<WallTime> since = wallTimeFrom(then);
  if (!until || !since) return std::nullopt;
  return std::chrono::duration_cast<Milliseconds>(*until - *since);
}

std::string ageSince(const std::string& now, const std::string& then) {
  const std::optional<Milliseconds> age = ageBetween(now, then);
  return age ? ageText(*age) : "-";
}

std::string agoSince(const std::string& now, const std::string& then) {
  const std::optional<Milliseconds> age = ageBetween(now, then);
  return age ? agoText(*age) : "-";
}

std::string orDash(const std::string& text) { return text.empty() ? "-" : text; }

// --- list ---

std::string queryOf(const EventsOptions& options) {
  std::string query;
  const auto add = [&query](const char* name, const std::string& value) {
    if (value.empty()) return;
    query += std::string(query.empty() ? "?" : "&") + name + "=" + percentEncoded(value);
  };
  add("state", options.state == "any" ? "" : options.state);
  add("module", options.module);
  add("end", options.end);
  add("older_than", options.older_than);
  add("newer_than", options.newer_than);
  return query;
}

// Follows the pages until `limit` events are there, or to the end with --all.
Result<EventJson> listedEvents(const EventsOptions& options) {
  const AdminClient client(options.admin);
  const std::string query = queryOf(options);
  EventJson all = {{"events", EventJson::array()}};
  std::string cursor;
  do {
    const std::size_t left = static_cast<std::size_t>(options.limit) - all["events"].size();
    const std::size_t wanted =
        options.all ? kSliceEvents : std::min<std::size_t>(left, kSliceEvents);
    const std::string limit = "limit=" + std::to_string(wanted);
    const std::string from = cursor.empty() ? "" : "&cursor=" + percentEncoded(cursor);
    Result<EventJson> page =
        client.get("/api/v1/events" + query + (query.empty() ? "?" : "&") + limit + from);
    if (!page) return page;
    if (!all.contains("now")) all["now"] = memberText(page.value(), "now");
    for (const EventJson& event : memberList(page.value(), "events"))
      all["events"].push_back(event);
    cursor = memberText(page.value(), "next");
  } while (!cursor.empty() &&
           (options.all || all["events"].size() < static_cast<std::size_t>(options.limit)));
  if (!cursor.empty()) all["next"] = cursor;
  return all;
}

std::vector<std::string> lineOf(const std::string& now, const EventJson& event,
                                const EventJson& delivery) {
  const std::string state = memberText(delivery, "state");
  std::string note = memberText(delivery, "why");
  if (state == "waiting" && !memberText(delivery, "due_at").empty()) {
    note = "due " + ageSince(memberText(delivery, "due_at"), now);
  }
  return {ageSince(now, memberText(event, "received_at")),
          memberText(event, "seq"),
          shownText(memberText(event, "id"), kIdShown),
          memberText(delivery, "module"),
          state,
          orDash(memberText(delivery, "end")),
          memberText(delivery, "attempts"),
          shownText(note, kWhyShown)};
}

void printEmpty(const EventsOptions& options) {
  const bool narrow = !options.module.empty() || !options.end.empty() ||
                      !options.older_than.empty() || !options.newer_than.empty();
  const char* what = options.state == "dead"  ? "dead letters"
                     : options.state == "any" ? "open events or dead letters"
                                              : "events in this state";
  std::printf("no %s%s\n", what, narrow ? " match" : "");
  if (options.state == "dead") std::printf("What is open: modhost events list --state any\n");
}

int listEvents(const EventsOptions& options) {
  const Result<EventJson> listed = listedEvents(options);
  if (!listed) return complain(listed.error());
  if (options.json) return printDocument(listed.value());
  const std::string now = memberText(listed.value(), "now");
  std::vector<std::vector<std::string>> rows = {
      {"AGE", "SEQ", "EVENT", "MODULE", "STATE", "END", "TRIES", "WHY"}};
  for (const EventJson& event : memberList(listed.value(), "events")) {
    for (const EventJson& delivery : memberList(event, "deliveries"))
      rows.push_back(lineOf(now, event, delivery));
  }
  if (rows.size() == 1) {
    printEmpty(options);
    return 0;
  }
  std::fputs(alignedTable(rows).c_str(), stdout);
  if (listed.value().contains("next")) std::printf("More match; --limit or --all shows them.\n");
  return 0;
}

// --- show ---

void printDelivery(const std::string& now, const EventJson& delivery) {
  std::printf("\n%s: %s", memberText(delivery, "module").c_str(),
              memberText(delivery, "state").c_str());
  const std::string end = memberText(delivery, "end");
  if (!end.empty()) std::printf(" (%s)", end.c_str());
  const std::string died = memberText(delivery, "died_at");
  if (!died.empty()) std::printf(" %s", agoSince(now, died).c_str());
  std::printf(", attempts %s, worker deaths %s\n", memberText(delivery, "attempts").c_str(),
              memberText(delivery, "interruptions").c_str());
  const std::string why = memberText(delivery, "why");
  if (!why.empty()) std::printf("  why      %s\n", shownText(why, 1'000).c_str());
  for (const EventJson& record : memberList(delivery, "records")) {
    std::printf("  attempt  %s, %s: %s: %s\n", memberText(record, "attempt").c_str(),
                agoSince(now, memberText(record, "at")).c_str(), memberText(record, "end").c_str(),
                shownText(memberText(record, "error"), 1'000).c_str());
  }
  for (const EventJson& step : memberList(delivery, "steps")) {
    std::printf("  step     %s: %s, log %s\n", memberText(step, "order").c_str(),
                memberText(step, "state").c_str(), orDash(memberText(step, "log_id")).c_str());
  }
}

void printStory(const EventJson& story) {
  const std::string now = memberText(story, "now");
  const std::string bytes = memberText(story, "body_bytes");
  std::printf("%s\n", shownText(memberText(story, "id"), 1'000).c_str());
  std::printf("  seq      %s\n", memberText(story, "seq").c_str());
  std::printf("  received %s (%s)\n", memberText(story, "received_at").c_str(),
              agoSince(now, memberText(story, "received_at")).c_str());
  for (const char* name : {"type", "company_id", "user_id", "chat_id"}) {
    const std::string text = memberText(story, name);
    if (!text.empty()) std::printf("  %-8s %s\n", name, shownText(text, 200).c_str());
  }
  std::printf("  answer   %s\n", memberText(story, "answer").c_str());
  std::printf("  body     %s\n", bytes.empty() ? "gone" : (bytes + " bytes").c_str());
  const EventJson deliveries = memberList(story, "deliveries");
  if (deliveries.empty()) std::printf("\nIt has ended for every module.\n");
  for (const EventJson& delivery : deliveries) printDelivery(now, delivery);
  if (story.contains("body"))
    std::printf("\n%s\n", shownText(memberText(story, "body"), std::string::npos).c_str());
}

int showEvent(const EventsOptions& options) {
  const AdminClient client(options.admin);
  const Result<EventJson> story = client.get("/api/v1/events/" + percentEncoded(options.ids.at(0)) +
                                             (options.body ? "?body=1" : ""));
  if (!story) return complain(story.error());
  if (options.json) return printDocument(story.value());
  printStory(story.value());
  return 0;
}

// --- replay and drop ---

struct Verb {
  const char* path;  // "/replay"
  const char* done;  // the reply's member, and the word for people
};
constexpr Verb kReplayVerb = {"/replay", "replayed"};
constexpr Verb kDropVerb = {"/drop", "dropped"};

// What one or several requests came to.
struct Outcomes {
  EventJson done = EventJson::array();
  EventJson failed = EventJson::array();
  std::string stopped;  // why the rest was not tried; empty: all was

  void add(const EventJson& reply, const Verb& verb) {
    for (const EventJson& one : memberList(reply, verb.done)) done.push_back(one);
    for (const EventJson& one : memberList(reply, "failed")) failed.push_back(one);
  }
};

EventJson actionBody(const EventsOptions& options) {
  EventJson body = EventJson::object();
  if (!options.module.empty()) body["module"] = options.module;
  if (!options.to.empty()) body["to"] = options.to;
  return body;
}

bool isFiltered(const EventsOptions& options) {
  return !options.module.empty() || !options.end.empty() || !options.older_than.empty() ||
         !options.newer_than.empty();
}

void actOnIds(const EventsOptions& options, const Verb& verb, Outcomes& outcomes) {
  const AdminClient client(options.admin);
  for (const std::string& id : options.ids) {
    const Result<EventJson> reply =
        client.post("/api/v1/events/" + percentEncoded(id) + verb.path, actionBody(options));
    if (reply) {
      outcomes.add(reply.value(), verb);
    } else {
      outcomes.failed.push_back({{"id", id}, {"error", reply.error().message}});
    }
  }
}

void actOnMatches(const EventsOptions& options, const Verb& verb, Outcomes& outcomes) {
  const AdminClient client(options.admin);
  EventJson body = actionBody(options);
  if (!options.end.empty()) body["end"] = options.end;
  if (!options.older_than.empty()) body["older_than"] = options.older_than;
  if (!options.newer_than.empty()) body["newer_than"] = options.newer_than;
  body["all"] = options.all;
  body["limit"] = kSliceEvents;
  for (bool more = true; more;) {
    const Result<EventJson> reply = client.post(std::string("/api/v1/events") + verb.path, body);
    if (!reply) {
      outcomes.stopped = reply.error().message;
      return;
    }
    outcomes.add(reply.value(), verb);
    body["cursor"] = memberText(reply.value(), "next");
    more = !memberText(reply.value(), "next").empty();
  }
}

int printOutcomes(const EventsOptions& options, const Verb& verb, const Outcomes& outcomes) {
  const bool all_done = outcomes.failed.empty() && outcomes.stopped.empty();
  if (!outcomes.stopped.empty()) (void)complain({ErrorKind::kInvalid, outcomes.stopped});
  if (options.json) {
    printDocument({{verb.done, outcomes.done}, {"failed", outcomes.failed}});
    return all_done ? 0 : 1;
  }
  for (const EventJson& one : outcomes.failed) {
    std::fprintf(stderr, "%s: %s\n", shownText(memberText(one, "id"), kIdShown).c_str(),
                 shownText(memberText(one, "error"), 1'000).c_str());
  }
  if (outcomes.done.empty() && all_done) {
    std::printf("no dead letters match\n");
    return 0;
  }
  std::printf("%s %zu", verb.done, outcomes.done.size());
  if (!outcomes.failed.empty()) std::printf(", failed %zu", outcomes.failed.size());
  std::printf("\n");
  return all_done ? 0 : 1;
}

int actOnEvents(const EventsOptions& options, const Verb& verb) {
  const bool many = options.ids.empty();
  const bool dropping = std::string(verb.path) == kDropVerb.path;
  if (many && !options.all && !isFiltered(options)) {
    throw StartupError("events",
                       "neither ids nor a filter; accepted: ids, a filter such as "
                       "--module or --end, or --all");
  }
  if (!many && (options.all || !options.end.empty() || !options.older_than.empty() ||
                !options.newer_than.empty())) {
    throw StartupError("events", "ids and a filter together; accepted: one of the two");
  }
  if (many && dropping && !options.yes) {
    throw StartupError("events",
                       "what is dropped is gone, body and all; accepted: the same with --yes. "
                       "`modhost events list` with the same filter shows what it means");
  }
  Outcomes outcomes;
  if (many) actOnMatches(options, verb, outcomes);
  if (!many) actOnIds(options, verb, outcomes);
  return printOutcomes(options, verb, outcomes);
}

// --- the parser ---

using Shared = std::shared_ptr<EventsOptions>;

void addFilters(CLI::App& command, EventsOptions& options) {
  command.add_option("--module", options.module, "Of this module, (parked) or (unrouted)");
  command.add_option(
      "--end", options.end,
      "That ended so: failed, overran, rejected, interrupted, not_configured, expired");
  command.add_option("--older-than", options.older_than, "Received longer ago: 90s, 15m, 2h, 7d");
  command.add_option("--newer-than", options.newer_than, "Received within: 90s, 15m, 2h, 7d");
}

void addCommon(CLI::App& command, EventsOptions& options) {
  command.add_flag("--json", options.json, "Print JSON");
  addAdminOptions(command, options.admin);
}

void addList(CLI::App& events, Command& chosen) {
  const Shared options = std::make_shared<EventsOptions>();
  CLI::App* command = events.add_subcommand(
      "list", "Lists dead letters, or with --state what is open; the newest first.");
  command->add_option("--state", options->state, "dead, waiting, running, closing, or any")
      ->check(CLI::IsMember({"dead", "waiting", "running", "closing", "any"}))
      ->capture_default_str();
  addFilters(*command, *options);
  command->add_option("--limit", options->limit, "Events to show")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_flag("--all", options->all, "Show every event that matches");
  addCommon(*command, *options);
  command->callback([options, &chosen] { chosen = [options] { return listEvents(*options); }; });
}

void addShow(CLI::App& events, Command& chosen) {
  const Shared options = std::make_shared<EventsOptions>();
  CLI::App* command = events.add_subcommand(
      "show", "Tells one event's story: each module's attempts with their errors, its steps.");
  command->add_option("id", options->ids, "The event's id or seq")->required()->expected(1);
  command->add_flag("--body", options->body, "Print the body too (admin_show_bodies)");
  addCommon(*command, *options);
  command->callback([options, &chosen] { chosen = [options] { return showEvent(*options); }; });
}

void addAction(CLI::App& events, Command& chosen, const Verb& verb, const char* name,
               const char* about) {
  const Shared options = std::make_shared<EventsOptions>();
  CLI::App* command = events.add_subcommand(name, about);
  command->add_option("ids", options->ids, "Ids or seqs of events");
  addFilters(*command, *options);
  command->add_flag("--all", options->all, "Every dead letter");
  if (&verb == &kReplayVerb) {
    command
        ->add_option("--to", options->to,
                     "Who gets it instead; needed for parked and unrouted events; repeatable")
        ->take_all()
        ->allow_extra_args(false);
  } else {
    command->add_flag("--yes", options->yes, "Really drop all that matches");
  }
  addCommon(*command, *options);
  command->callback([options, &verb, &chosen] {
    chosen = [options, &verb] { return actOnEvents(*options, verb); };
  });
}

}  // namespace

void addEventsCommand(CLI::App& app, Command& chosen) {
  CLI::App* events = app.add_subcommand(
      "events",
      "Shows what a running host's inbox holds, and replays or drops its dead letters.\n"
      "\n"
      "  modhost events list                             why is a chat without its answer?\n"
      "  modhost events show evt_1                       every attempt and its error\n"
      "  modhost events replay evt_1                     once the cause is mended\n"
      "  modhost events replay --module my-module --newer-than 2h\n"
      "  modhost events replay 17 --to my-module         what was parked or unrouted\n"
      "  modhost events drop --older-than 7d --yes");
  events->require_subcommand(1);
  addList(*events, chosen);
  addShow(*events, chosen);
  addAction(*events, chosen, kReplayVerb, "replay",
            "Makes dead letters wait again, with fresh attempts, on the modules that serve now.");
  addAction(*events, chosen, kDropVerb, "drop", "Ends dead letters for good.");
}

}  // namespace modhost::host
