#include "host/config/keys.h"

namespace modhost::host {

namespace {

using S = Settings;
using W = Settings::SigningSecret;
using M = Settings::Module;
using R = Settings::RouteKeys;
using enum KeyType;
using enum Applies;

// clang-format off
// path, type, default, min, max, unit or choices, sentence, member; kAtReload where a running host
// takes a new value. The defaults suit 2 cores and 1 GiB.
const std::vector<Key<S>> kSettingsKeys = {
    {{"listen", kAddress, "0.0.0.0:8080", "", "", "",
      "Where webhooks are taken; port 0 is any free one, printed at start."},
     [](S& s) -> Slot { return AddressSlot{&s.listen_host, &s.listen_port, nullptr}; }},
    {{"admin", kAddress, "127.0.0.1:9090", "", "", "off",
      "Where health, metrics and the inbox are shown, dead letters are replayed, and `modhost events` asks. "
      "An address that others can reach demands admin_token."},
     [](S& s) -> Slot { return AddressSlot{&s.admin_host, &s.admin_port, &s.admin_enabled}; }},
    {{"admin_token", kSecret, "", "", "", "",
      "Whoever asks the admin port must send it as a bearer, health checks excepted; empty: none is asked "
      "for, on loopback only."},
     [](S& s) -> Slot { return &s.admin_token; }},
    {{"admin_show_bodies", kBool, "false", "", "", "",
      "Whether the admin port gives out events' bodies, which hold what users wrote; kept bodies are those "
      "of unfinished and dead events, and with inbox.keep_bodies all."},
     [](S& s) -> Slot { return &s.admin_show_bodies; }},

    {{"webhook.path", kUrlPath, "/webhook", "", "", "",
      "The path the platform POSTs events to; GET /health stays the health check."},
     [](S& s) -> Slot { return &s.webhook.path; }},
    {{"webhook.secrets", kSecretList, kRequired, "1", "8", "",
      "The endpoint's signing secrets; an event signed with any of them is taken, so that a secret can be "
      "changed without a gap. One that ends has the keys of webhook.secrets[].", kAtReload},
     [](S& s) -> Slot { return &s.webhook.secrets; }},
    {{"webhook.tolerance", kDuration, "300s", "0", "7d", "",
      "How old the signature's timestamp may be; 0 switches the check off.", kAtReload},
     [](S& s) -> Slot { return &s.webhook.tolerance; }},
    {{"webhook.max_body", kSize, "8MiB", "1KiB", "64MiB", "",
      "Longer events are answered 413, which is final for the platform."},
     [](S& s) -> Slot { return &s.webhook.max_body_bytes; }},
    {{"webhook.max_event_age", kDuration, "0", "0", "30d", "",
      "How old the event's own createdAt may be; 0 switches the check off. Replays within the inbox's "
      "retention are stopped by their id anyway.", kAtReload},
     [](S& s) -> Slot { return &s.webhook.max_event_age; }},

    {{"gate.connections_max", kInteger, "4000", "1", "100000", "connections",
      "Connections open at once, idle ones included; one more is answered 503."},
     [](S& s) -> Slot { return &s.gate.connections_max; }},
    {{"gate.head_max", kSize, "16KiB", "1KiB", "1MiB", "",
      "Of a request's first line and headers together."},
     [](S& s) -> Slot { return &s.gate.head_max_bytes; }},
    {{"gate.buffered_max", kSize, "64MiB", "1MiB", "4GiB", "",
      "Bytes received and not yet answered, over all connections; beyond it requests are answered 503."},
     [](S& s) -> Slot { return &s.gate.buffered_max_bytes; }},
    {{"gate.threads", kInteger, "4", "1", "512", "threads",
      "Threads that verify and parse complete requests; none waits for the disk, so a few do for all cores."},
     [](S& s) -> Slot { return &s.gate.threads; }},
    {{"gate.read_timeout", kDuration, "10s", "100ms", "10m", "",
      "From a request's first byte to its last."},
     [](S& s) -> Slot { return &s.gate.read_timeout; }},
    {{"gate.write_timeout", kDuration, "5s", "100ms", "10m", "",
      "For the whole answer to be taken."},
     [](S& s) -> Slot { return &s.gate.write_timeout; }},
    {{"gate.idle_timeout", kDuration, "60s", "100ms", "1h", "",
      "How long a kept connection may be silent between requests."},
     [](S& s) -> Slot { return &s.gate.idle_timeout; }},

    {{"platform.api_base", kUrl, "https://gateway.unique.app/public/chat-gen2", "", "", "",
      "Where the platform's API begins; quotes around it and slashes after it are dropped."},
     [](S& s) -> Slot { return &s.platform.api_base; }},
    {{"platform.api_key", kSecret, kRequired, "", "", "",
      "Sent as the bearer of every call; modules never see it."},
     [](S& s) -> Slot { return &s.platform.api_key; }},
    {{"platform.app_id", kString, kRequired, "", "", "",
      "Sent as x-app-id."},
     [](S& s) -> Slot { return &s.platform.app_id; }},
    {{"platform.api_version", kString, "2023-12-06", "", "", "",
      "Sent as x-api-version."},
     [](S& s) -> Slot { return &s.platform.api_version; }},
    {{"platform.connections_max", kInteger, "256", "1", "10000", "connections",
      "Calls to the platform on the wire at once, each with a connection of its own (but see http2); more wait."},
     [](S& s) -> Slot { return &s.platform.connections_max; }},
    {{"platform.tries", kInteger, "3", "1", "10", "tries",
      "Tries of one call in all, on connection errors, 429 and 5xx, never beyond the call's deadline."},
     [](S& s) -> Slot { return &s.platform.tries; }},
    {{"platform.connect_timeout", kDuration, "10s", "100ms", "5m", "",
      "For name, connection and TLS of one try."},
     [](S& s) -> Slot { return &s.platform.connect_timeout; }},
    {{"platform.call_timeout", kDuration, "300s", "100ms", "1h", "",
      "For one try from connection to last byte; the event's deadline bounds all tries together."},
     [](S& s) -> Slot { return &s.platform.call_timeout; }},
    {{"platform.backoff", kDuration, "1s", "1ms", "5m", "",
      "Before the second try; doubled before each further one, with jitter."},
     [](S& s) -> Slot { return &s.platform.backoff; }},
    {{"platform.backoff_max", kDuration, "30s", "1ms", "1h", "",
      "The longest wait between two tries."},
     [](S& s) -> Slot { return &s.platform.backoff_max; }},
    {{"platform.reply_max", kSize, "8MiB", "1KiB", "256MiB", "",
      "A longer reply ends its call as failed."},
     [](S& s) -> Slot { return &s.platform.reply_max_bytes; }},
    {{"platform.ca_file", kPath, "", "", "", "",
      "Certificates (PEM) to trust instead of the system's; empty: the system's."},
     [](S& s) -> Slot { return &s.platform.ca_file; }},
    {{"platform.proxy", kProxy, "", "", "", "",
      "Every call goes by this proxy; empty: straight. Variables such as https_proxy are not looked at; who "
      "wants them writes \"${https_proxy:-}\"."},
     [](S& s) -> Slot { return &s.platform.proxy; }},
    {{"platform.allow_plain_http", kBool, "false", "", "", "",
      "Lets api_base be http:// to another machine, where the key and every chat travel readable: for a "
      "container beside this one, or a mesh that encrypts."},
     [](S& s) -> Slot { return &s.platform.allow_plain_http; }},
    {{"platform.http2", kBool, "false", "", "", "",
      "Lets calls share a connection by HTTP/2 where an https platform offers it. One that is lost, or ended "
      "by the platform, then leaves the fate of all calls on it unknown, not of one."},
     [](S& s) -> Slot { return &s.platform.http2; }},

    {{"inbox.sqlite.path", kPath, "var/inbox.db", "", "", "",
      "The inbox's database; on a local disk, as its locks and fsync must be real. Its folder is created."},
     [](S& s) -> Slot { return &s.inbox.sqlite_path; }},
    {{"inbox.waiting_max", kInteger, "1000000", "1", "1000000000", "deliveries",
      "Deliveries that may wait; beyond it webhooks are answered 503 and the platform tries again."},
     [](S& s) -> Slot { return &s.inbox.waiting_max; }},
    {{"inbox.in_memory", kInteger, "4096", "0", "1000000", "deliveries",
      "Fresh deliveries handed on without a read back; more than that wait on disk only."},
     [](S& s) -> Slot { return &s.inbox.in_memory; }},
    {{"inbox.disk_free_min", kSize, "64MiB", "0", "1024GiB", "",
      "Below this much free disk webhooks are answered 503, so that what runs can still be settled."},
     [](S& s) -> Slot { return &s.inbox.disk_free_min_bytes; }},
    {{"inbox.retention", kDuration, "7d", "1m", "3650d", "",
      "How long an event's id is remembered, from its receipt; a duplicate within it is stored once."},
     [](S& s) -> Slot { return &s.inbox.retention; }},
    {{"inbox.dead_max", kInteger, "100000", "1", "100000000", "dead letters",
      "Dead letters kept; beyond it the oldest are dropped and counted."},
     [](S& s) -> Slot { return &s.inbox.dead_max; }},
    {{"inbox.dead_retention", kDuration, "30d", "1m", "3650d", "",
      "How long a dead letter is kept."},
     [](S& s) -> Slot { return &s.inbox.dead_retention; }},
    {{"inbox.keep_bodies", kBool, "false", "", "", "",
      "Keep the text of events that ended well until retention passes, for looking back; false deletes it "
      "at once."},
     [](S& s) -> Slot { return &s.inbox.keep_bodies; }},

    {{"dispatch.answer_within", kDuration, "15m", "1s", "7d", "",
      "From receipt or replay; work that still waits then is ended and the chat gets its apology."},
     [](S& s) -> Slot { return &s.dispatch.answer_within; }},
    {{"dispatch.close_within", kDuration, "6h", "1m", "7d", "",
      "How long closing calls are repeated while the platform is away; then a chat stays open."},
     [](S& s) -> Slot { return &s.dispatch.close_within; }},
    {{"dispatch.overrun_grace", kDuration, "1s", "0", "1m", "",
      "Between telling a module that its deadline has passed and giving up on it."},
     [](S& s) -> Slot { return &s.dispatch.overrun_grace; }},
    {{"dispatch.stop_poll", kDuration, "2s", "0", "1m", "",
      "How often a running delivery's message is looked at for the user's stop; 0: never, then only the "
      "closing looks."},
     [](S& s) -> Slot { return &s.dispatch.stop_poll; }},
    {{"dispatch.drain", kDuration, "30s", "0", "1h", "",
      "How long a stopping host waits for running deliveries before it hands them back."},
     [](S& s) -> Slot { return &s.dispatch.drain; }},
    {{"dispatch.interruptions_max", kInteger, "3", "1", "100", "worker deaths",
      "How many workers may die of one delivery before it is a dead letter."},
     [](S& s) -> Slot { return &s.dispatch.interruptions_max; }},
    {{"dispatch.window", kInteger, "1024", "1", "1000000", "deliveries",
      "Deliveries held in memory per module."},
     [](S& s) -> Slot { return &s.dispatch.window; }},
    {{"dispatch.unrouted", kEnum, "count", "", "", "count|dead_letter",
      "What becomes of an event that no route matches: only counted, or kept as a dead letter.", kAtReload},
     [](S& s) -> Slot { return &s.dispatch.unrouted; }},
    {{"dispatch.apology", kText,
      "Sorry, something went wrong processing your request. Please try again.", "", "", "",
      "Written into the chat when the module that answers ends badly for good."},
     [](S& s) -> Slot { return &s.dispatch.apology; }},

    {{"worker.memory_max", kSize, "512MiB", "64MiB", "1024GiB", "",
      "Address space of one worker process, besides 2MiB for each event it may handle at once; beyond it "
      "its allocations fail.", kAtReload},
     [](S& s) -> Slot { return &s.worker.memory_max_bytes; }},
    {{"worker.files_max", kInteger, "1024", "16", "1000000", "files",
      "Files and sockets one worker process may have open.", kAtReload},
     [](S& s) -> Slot { return &s.worker.files_max; }},
    {{"worker.frame_max", kSize, "16MiB", "64KiB", "512MiB", "",
      "Longest message between host and worker; must hold the longest event and the longest reply."},
     [](S& s) -> Slot { return &s.worker.frame_max_bytes; }},
    {{"worker.suspect_workers", kInteger, "4", "1", "64", "workers",
      "After a worker died and nobody knows of which event, the suspects run alone, each in a worker of its "
      "own; so many per module at once."},
     [](S& s) -> Slot { return &s.worker.suspect_workers; }},
    {{"worker.start_timeout", kDuration, "10s", "100ms", "10m", "",
      "For a module to be ready, with the start of its worker; in_process too.", kAtReload},
     [](S& s) -> Slot { return &s.worker.start_timeout; }},
    {{"worker.stop_grace", kDuration, "4s", "0", "10m", "",
      "For a worker to end: its module's stop, or between SIGTERM and SIGKILL.", kAtReload},
     [](S& s) -> Slot { return &s.worker.stop_grace; }},
    {{"worker.restart_backoff", kDuration, "100ms", "1ms", "5m", "",
      "Before a dead worker is started again; doubled while it keeps dying.", kAtReload},
     [](S& s) -> Slot { return &s.worker.restart_backoff; }},
    {{"worker.restart_backoff_max", kDuration, "30s", "1ms", "1h", "",
      "The longest wait before a restart.", kAtReload},
     [](S& s) -> Slot { return &s.worker.restart_backoff_max; }},

    {{"log.level", kEnum, "info", "", "", "trace|debug|info|warn|error",
      "The least important lines that are written; trace has every platform call and every hand-over, and no "
      "secret or message text either.", kAtReload},
     [](S& s) -> Slot { return &s.log.level; }},
    {{"log.format", kEnum, "auto", "", "", "auto|text|json",
      "Lines for people, or one JSON object per line for collectors; auto: text on a terminal and in systemd's "
      "journal, else JSON."},
     [](S& s) -> Slot { return &s.log.format; }},
    {{"log.message_text", kBool, "false", "", "", "",
      "Write the beginning of each question and answer into the log, at level info. Whoever reads the log then "
      "reads what users wrote.", kAtReload},
     [](S& s) -> Slot { return &s.log.message_text; }},

    {{"modules_dir", kPath, "modules", "", "", "",
      "Where the .so files of modules without a path of their own lie.", kAtReload},
     [](S& s) -> Slot { return &s.modules_dir; }},
    {{"modules_watch", kBool, "true", "", "", "",
      "Reload when a .so is renamed or written into modules_dir; false: only when told to.", kAtReload},
     [](S& s) -> Slot { return &s.modules_watch; }},
    {{"still_mapped_max", kInteger, "32", "1", "10000", "generations",
      "Replaced generations of in_process modules whose code could not be unloaded; once so many are mapped, a "
      "changed in_process module is refused until a restart.", kAtReload},
     [](S& s) -> Slot { return &s.still_mapped_max; }},
    {{"run_dir", kPath, "var/run", "", "", "",
      "Where the private copies of loaded modules are kept; must not be mounted noexec."},
     [](S& s) -> Slot { return &s.run_dir; }},
    {{"modules", kEntries, "", "0", "64", "",
      "The modules to start; each entry has the keys of modules[].", kAtReload},
     [](S& s) -> Slot { return &s.modules; }},
    {{"routes", kEntries, "", "0", "1000", "",
      "Which event goes to which modules; each entry has the keys of routes[]. All that match apply, and a "
      "module gets an event once.", kAtReload},
     [](S& s) -> Slot { return &s.routes; }},
};

const std::vector<Key<W>> kSigningSecretKeys = {
    {{"secret", kSecret, kRequired, "", "", "",
      "What stands alone for a secret that does not end."},
     [](W& w) -> Slot { return &w.text; }},
    {{"expires", kTime, "", "", "", "",
      "From then on it verifies nothing; empty: it does not end."},
     [](W& w) -> Slot { return &w.expires; }},
};

const std::vector<Key<M>> kModuleKeys = {
    {{"id", kId, kRequired, "", "", "",
      "The module's id, as its file declares it; routes name it."},
     [](M& m) -> Slot { return &m.id; }},
    {{"path", kPath, "", "", "", "",
      "The module's .so; empty: <modules_dir>/<id>.so."},
     [](M& m) -> Slot { return &m.path; }},
    {{"sha256", kDigest, "", "", "", "",
      "The SHA-256 of the file, in hex; another file is refused. `modhost modules --pin` writes it. Empty: "
      "any file."},
     [](M& m) -> Slot { return &m.sha256; }},
    {{"isolation", kEnum, "worker", "", "", "worker|in_process",
      "A process of its own, so that its crash is only its own; or a thread of the host, for trusted "
      "modules that want the last microsecond."},
     [](M& m) -> Slot { return &m.isolation; }},
    {{"concurrency", kInteger, "0", "0", "4096", "events",
      "Events it handles at once; 0: what the module declares."},
     [](M& m) -> Slot { return &m.concurrency; }},
    {{"timeout", kDuration, "0", "0", "1d", "",
      "Deadline of one attempt; 0: what the module declares."},
     [](M& m) -> Slot { return &m.timeout; }},
    {{"order_by", kEnum, "none", "", "", "none|chat",
      "chat: events of one chat are handled one after the other, in the order they came."},
     [](M& m) -> Slot { return &m.order_by; }},
    {{"answers", kBool, "false", "", "", "",
      "This module writes the assistant's message: if it ends badly for good, the chat gets the apology. At "
      "most one module per event may."},
     [](M& m) -> Slot { return &m.answers; }},
    {{"retry.attempts", kInteger, "1", "1", "100", "attempts",
      "Attempts in all when one fails; 1: no second one, as the user is waiting."},
     [](M& m) -> Slot { return &m.retry_attempts; }},
    {{"retry.backoff", kDuration, "1s", "1ms", "1d", "",
      "Before the second attempt; doubled before each further one."},
     [](M& m) -> Slot { return &m.retry_backoff; }},
    {{"retry.backoff_max", kDuration, "5m", "1ms", "7d", "",
      "The longest wait between two attempts."},
     [](M& m) -> Slot { return &m.retry_backoff_max; }},
    {{"log_level", kEnum, "inherit", "", "", "inherit|trace|debug|info|warn|error",
      "The least important lines of this module, and about its platform calls; inherit: log.level.",
      kAtReloadInPlace},
     [](M& m) -> Slot { return &m.log_level; }},
    {{"config", kObject, "{}", "", "", "",
      "The module's own settings, checked against the schema it brings."},
     [](M& m) -> Slot { return ObjectSlot{&m}; }},
    {{"platform_calls", kCallList, "", "0", "256", "",
      "Calls the module may make, as \"METHOD /path\"; * stands for one path segment, ** for any rest. "
      "Empty: what the typed client of the plugin API uses."},
     [](M& m) -> Slot { return &m.platform_calls; }},
};

const std::vector<Key<R>> kRouteKeys = {
    {{"event", kEventPattern, kRequired, "", "", "",
      "The event's type, or the start of it followed by one *."},
     [](R& r) -> Slot { return &r.event; }},
    {{"when", kConditions, "{}", "", "", "",
      "Conditions that must all hold: a dotted path into the event, and the value or list of values it may "
      "have."},
     [](R& r) -> Slot { return &r.when_json; }},
    {{"to", kIdList, kRequired, "1", "64", "",
      "The module, or the list of modules, that get the event."},
     [](R& r) -> Slot { return &r.to; }},
};
// clang-format on

const std::vector<Section> kSections = {
    {"", "Addresses, folders and the two lists."},
    {"webhook", "How the platform reaches this host."},
    {"webhook.secrets[]", "A signing secret that ends, as during a change."},
    {"gate", "What one stranger on the network may cost."},
    {"platform", "How this host reaches the platform."},
    {"inbox", "What is kept on disk, how much and how long."},
    {"dispatch", "When work is given up, and what becomes of it."},
    {"worker", "Limits of each worker process."},
    {"log", "What is written to stderr."},
    {"modules[]", "One entry per module."},
    {"routes[]", "One entry per route."},
};

std::string rangeText(const KeyInfo& key) {
  if (*key.max == '\0') return "";
  return std::string(", from ") + key.min + " to " + key.max;
}

std::string countText(const KeyInfo& key) {
  return std::string(", ") + key.min + " to " + key.max + " of them";
}

// "a|b|c" → "a, b or c".
std::string choicesText(std::string choices) {
  const std::size_t last = choices.rfind('|');
  if (last != std::string::npos) choices.replace(last, 1, " or ");
  for (std::size_t at = choices.find('|'); at != std::string::npos; at = choices.find('|')) {
    choices.replace(at, 1, ", ");
  }
  return choices;
}

std::string addressText(const KeyInfo& key) {
  const std::string address = "host:port such as 127.0.0.1:8080 or [::1]:8080";
  return *key.detail == '\0' ? address : address + ", or " + key.detail;
}

std::string textOf(const KeyInfo& key, const char* what) {
  return std::string(key.fallback == kRequired || *key.fallback != '\0' ? "non-empty " : "") + what;
}

}  // namespace

const std::vector<Key<Settings>>& settingsKeys() { return kSettingsKeys; }
const std::vector<Key<W>>& signingSecretKeys() { return kSigningSecretKeys; }
const std::vector<Key<Settings::Module>>& moduleKeys() { return kModuleKeys; }
const std::vector<Key<Settings::RouteKeys>>& routeKeys() { return kRouteKeys; }
const std::vector<Section>& sections() { return kSections; }

std::string parentOf(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

bool isList(KeyType type) {
  return type == kSecretList || type == kCallList || type == kIdList || type == kEntries;
}

bool isSecret(KeyType type) { return type == kSecret || type == kSecretList || type == kProxy; }

bool isRequired(const KeyInfo& key) { return key.fallback == kRequired; }

std::string acceptedText(const KeyInfo& key) {
  switch (key.type) {
    case kString:
    case kSecret:
      return textOf(key, "text without control characters");
    case kText:
      return textOf(key, "text");
    case kSecretList:
      return "a list of non-empty secrets without control characters, each as text or as a mapping "
             "with secret and expires" +
             countText(key);
    case kProxy:
      return "http://, https://, socks5:// or socks5h:// with [user:password@]host[:port]";
    case kTime:
      return "a time in UTC such as 2026-12-31T00:00:00Z";
    case kDigest:
      return "the 64 hex digits of a SHA-256";
    case kEnum:
      return choicesText(key.detail);
    case kId:
      return "1 to 63 of a-z, 0-9 and -";
    case kInteger:
      return "a whole number" + rangeText(key);
    case kSize:
      return "a size such as 512KiB, 8MiB or 1GiB" + rangeText(key);
    case kDuration:
      return "a duration such as 1500ms, 300s, 15m, 2h or 7d" + rangeText(key);
    case kBool:
      return "true or false";
    case kAddress:
      return addressText(key);
    case kPath:
      return textOf(key, "path without control characters");
    case kUrl:
      return "http(s)://host[:port][/path] without user, query or fragment";
    case kUrlPath:
      return "a path such as /webhook of letters, digits and -._~/, other than /health";
    case kEventPattern:
      return "an event's type such as unique.chat.external-module.chosen, or its start followed by "
             "one *";
    case kCallList:
      return "a list of calls such as \"GET /messages/*\"" + countText(key);
    case kIdList:
      return "a module's id or a list of ids" + countText(key);
    case kConditions:
      return "a mapping of dotted paths to a value or a list of values";
    case kObject:
      return "a mapping";
    case kEntries:
      return "a list of mappings" + countText(key);
  }
  return "";
}

}  // namespace modhost::host
