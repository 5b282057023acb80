// Settings: modules.yaml, typed. Plain values with no behaviour; app turns them into each
// component's own settings. What keys there are, with type, unit, default, maximum and a sentence,
// stands in one table (keys.cpp), from which validation, docs/configuration.md and the JSON Schema
// for editors are made.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/base/clock.h"

namespace modhost::host {

struct Settings {
  using Ms = std::chrono::milliseconds;

  std::string file;    // as given; what messages begin with
  std::string folder;  // of the file, absolute; relative paths in it were resolved against this

  std::string listen_host;
  int listen_port = 0;  // 0: any free port, printed at start
  std::string admin_host;
  int admin_port = 0;
  bool admin_enabled = true;
  std::string admin_token;  // empty: none
  bool admin_show_bodies = false;

  struct SigningSecret {
    std::string text;
    std::optional<WallTime> expires;  // from then on it verifies nothing; none: it never ends
    std::string where;                // file:line:column of the entry
  };

  struct Webhook {
    std::string path;
    std::vector<SigningSecret> secrets;
    Ms tolerance{};
    Ms max_event_age{};  // 0: off
    std::int64_t max_body_bytes = 0;
  } webhook;

  struct Gate {
    int connections_max = 0;
    std::int64_t head_max_bytes = 0, buffered_max_bytes = 0;
    int threads = 0;
    Ms read_timeout{}, write_timeout{}, idle_timeout{};
  } gate;

  struct PlatformSettings {
    std::string api_base;  // http(s)://host[:port][/path], no trailing slash
    std::string api_key, app_id, api_version;
    int connections_max = 0, tries = 0;
    Ms connect_timeout{}, call_timeout{}, backoff{}, backoff_max{};
    std::int64_t reply_max_bytes = 0;
    std::string ca_file;  // empty: the system's
    std::string proxy;    // scheme://[user:password@]host[:port]; empty: none
    bool allow_plain_http = false, http2 = false;
  } platform;

  struct InboxKeys {
    std::string sqlite_path;
    std::int64_t waiting_max = 0, in_memory = 0, disk_free_min_bytes = 0, dead_max = 0;
    Ms retention{}, dead_retention{};
    bool keep_bodies = false;
  } inbox;

  struct Dispatch {
    Ms answer_within{}, close_within{}, overrun_grace{}, stop_poll{}, drain{};
    int interruptions_max = 0, window = 0;
    std::string unrouted;  // "count" or "dead_letter"
    std::string apology;
  } dispatch;

  struct Worker {
    std::int64_t memory_max_bytes = 0, frame_max_bytes = 0;
    int files_max = 0, suspect_workers = 0;
    Ms start_timeout{}, stop_grace{}, restart_backoff{}, restart_backoff_max{};
    bool operator==(const Worker&) const = default;
  } worker;

  struct Log {
    std::string level, format;
    bool message_text = false;
  } log;

  std::string modules_dir, run_dir;
  bool modules_watch = true;
  int still_mapped_max = 0;

  struct Module {
    std::string id, path, isolation, order_by, where;  // where: file:line:column of the entry
    std::string sha256;                                // of the file, in hex; empty: any
    std::string log_level;                             // "inherit": that of all
    int concurrency = 0;                               // 0: the module's own
    Ms timeout{};                                      // 0: the module's own
    bool answers = false;
    int retry_attempts = 1;
    Ms retry_backoff{}, retry_backoff_max{};
    std::string config_json;   // an object as JSON text
    std::string config_where;  // of the object, or of the entry without one
    std::string config_shown;  // the object as YAML lines, variables unresolved
    std::shared_ptr<const std::map<std::string, std::string>> config_places;  // see positionOf()
    std::vector<std::string> platform_calls;  // "PATCH /messages/*"; empty: the default

    // Where in the file the value stands that a JSON pointer into `config` names ("/limit", "" for
    // the whole), as file:line:column; for a member that is missing, the place of its nearest
    // parent.
    std::string positionOf(const std::string& json_pointer) const;
  };
  std::vector<Module> modules;

  struct RouteKeys {
    std::string event;
    std::string when_json;  // {"payload.name": ["a", "b"], …}; "{}" for none
    std::vector<std::string> to;
    std::string where;
  };
  std::vector<RouteKeys> routes;

  // How each ${NAME} was found, for the start log: "UNIQUE_API_KEY from .env". Never a value.
  std::vector<std::string> variables;

  // What is accepted but probably not meant, each with its place: a secret that others can read, a
  // key over plain HTTP, a module no route leads to. For the start log.
  std::vector<std::string> warnings;
};

// Reads, interpolates, validates. `.env` beside the file is read; the real environment wins.
// Throws StartupError with file:line:column, what was found, what is accepted; nothing else.
// Threads: any, as long as nobody changes the environment.
Settings loadSettings(const std::string& file);

// Adds a warning for each signing secret that has expired at `now`. Throws StartupError when all
// have: no event could be verified.
void warnOfExpired(Settings& settings, WallTime now);

// For a reload: gives `next` the values of `running` for what cannot change while the host runs, and
// says which keys of it had others (dotted paths, in the table's order).
std::vector<std::string> keepUntilRestart(const Settings& running, Settings& next);

// Whether two entries of modules[] make the same generation; where they stand in the file does not
// count, nor what a running one takes over, nor their sha256, which is held against the file whenever
// it is loaded.
bool sameModule(const Settings::Module& a, const Settings::Module& b);

// The effective configuration as YAML that loadSettings() reads again to the same settings, but for
// the secrets, which are masked as "***". What modules get as `config` shows its variables
// unresolved, as one of them may be a secret.
std::string effectiveYaml(const Settings& settings);

// docs/configuration.md (`modhost check --reference`) and docs/modules.schema.json, the JSON Schema
// for editors (`modhost check --json-schema`): both from the table.
std::string settingsReference();
std::string settingsJsonSchema();

}  // namespace modhost::host
