#include "host/config/checks.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "host/base/loopback.h"
#include "host/base/startup_error.h"
#include "host/base/time_text.h"
#include "host/config/text.h"
#include "host/config/text_rules.h"
#include "host/config/values.h"

namespace modhost::host {

namespace {

using Json = nlohmann::json;

// 64 random bits in hex; less can be guessed over a network.
constexpr std::size_t kAdminTokenShort = 16;

// What a frame holds besides the event or the reply.
constexpr std::int64_t kFrameHeadroom = 64 * 1024;

std::string indexed(const char* list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

std::string target(std::size_t route, std::size_t index) {
  return indexed("routes", route) + "." + indexed("to", index);
}

void checkIds(const Settings& settings, const Reader& reader) {
  std::map<std::string, std::string> places;
  for (std::size_t i = 0; i < settings.modules.size(); ++i) {
    const std::string path = indexed("modules", i) + ".id";
    const auto [first, fresh] = places.emplace(settings.modules[i].id, reader.placeOf(path));
    if (fresh) continue;
    throw StartupError(reader.placeOf(path), path + " is " + quotedText(settings.modules[i].id) +
                                                 ", as at " + first->second +
                                                 "; accepted: each id once");
  }
}

void checkTargets(const Settings& settings, const Reader& reader) {
  std::vector<std::string> ids;
  for (const Settings::Module& module : settings.modules) ids.push_back(module.id);
  for (std::size_t i = 0; i < settings.routes.size(); ++i) {
    const std::vector<std::string>& to = settings.routes[i].to;
    for (std::size_t j = 0; j < to.size(); ++j) {
      if (std::find(ids.begin(), ids.end(), to[j]) != ids.end()) continue;
      const std::string near = nearest(to[j], ids);
      throw StartupError(
          reader.placeOf(target(i, j)),
          target(i, j) + " is " + quotedText(to[j]) + ", which is no module; " +
              (near.empty() ? "" : "did you mean " + near + "? ") + "accepted: " +
              (ids.empty() ? "an id of modules[], which is empty" : joined(ids, ", ")));
    }
  }
}

bool eventsOverlap(const std::string& a, const std::string& b) {
  const bool a_star = a.back() == '*';
  const bool b_star = b.back() == '*';
  if (!a_star && !b_star) return a == b;
  const std::size_t common =
      std::min(a_star ? a.size() - 1 : a.size(), b_star ? b.size() - 1 : b.size());
  const bool exact_is_shorter =
      (!a_star && a.size() < b.size() - 1) || (!b_star && b.size() < a.size() - 1);
  return !exact_is_shorter && a.compare(0, common, b, 0, common) == 0;
}

// True when some path must have a value of `a` and a value of `b`, and they share none.
bool conditionsExclude(const Json& a, const Json& b) {
  for (const auto& [path, values] : a.items()) {
    const auto others = b.find(path);
    if (others == b.end()) continue;
    const bool shared = std::any_of(values.begin(), values.end(), [&](const Json& value) {
      return std::find(others->begin(), others->end(), value) != others->end();
    });
    if (!shared) return true;
  }
  return false;
}

// One route's target whose module has `answers: true`; of its repetitions in a row the first, as
// each is held against each.
struct Answerer {
  std::size_t route;
  std::size_t index;
  std::string module;
};

std::vector<Answerer> answerersOf(const Settings& settings) {
  std::map<std::string, bool> answers;
  for (const Settings::Module& module : settings.modules) answers[module.id] = module.answers;
  std::vector<Answerer> found;
  for (std::size_t i = 0; i < settings.routes.size(); ++i) {
    const std::vector<std::string>& to = settings.routes[i].to;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const bool repeats =
          !found.empty() && found.back().route == i && found.back().module == to[j];
      if (answers[to[j]] && !repeats) found.push_back({i, j, to[j]});
    }
  }
  return found;
}

// Two routes that may both match one event must not bring two answering modules.
void checkAnswers(const Settings& settings, const Reader& reader) {
  std::vector<Json> conditions;
  for (const Settings::RouteKeys& route : settings.routes)
    conditions.push_back(Json::parse(route.when_json));
  const std::vector<Answerer> answerers = answerersOf(settings);
  for (std::size_t later = 0; later < answerers.size(); ++later) {
    for (std::size_t earlier = 0; earlier < later; ++earlier) {
      const Answerer& a = answerers[earlier];
      const Answerer& b = answerers[later];
      const bool both =
          a.module != b.module &&
          eventsOverlap(settings.routes[a.route].event, settings.routes[b.route].event) &&
          !conditionsExclude(conditions[a.route], conditions[b.route]);
      if (!both) continue;
      throw StartupError(
          reader.placeOf(target(b.route, b.index)),
          target(b.route, b.index) + " is " + quotedText(b.module) + ", which answers, as " +
              quotedText(a.module) + " at " + reader.placeOf(target(a.route, a.index)) +
              " does for the same event; accepted: one module with answers: true per event");
    }
  }
}

void checkBackoff(const Reader& reader, const std::string& path, Settings::Ms backoff,
                  Settings::Ms max) {
  if (backoff <= max) return;
  throw StartupError(reader.placeOf(path), path + " is " + durationText(backoff) + ", more than " +
                                               path + "_max; accepted: at most " +
                                               durationText(max));
}

void checkBackoffs(const Settings& settings, const Reader& reader) {
  checkBackoff(reader, "platform.backoff", settings.platform.backoff,
               settings.platform.backoff_max);
  checkBackoff(reader, "worker.restart_backoff", settings.worker.restart_backoff,
               settings.worker.restart_backoff_max);
  for (std::size_t i = 0; i < settings.modules.size(); ++i) {
    checkBackoff(reader, indexed("modules", i) + ".retry.backoff",
                 settings.modules[i].retry_backoff, settings.modules[i].retry_backoff_max);
  }
}

void checkFrame(const Settings& settings, const Reader& reader) {
  const std::int64_t longest =
      std::max(settings.webhook.max_body_bytes, settings.platform.reply_max_bytes);
  if (settings.worker.frame_max_bytes >= longest + kFrameHeadroom) return;
  throw StartupError(
      reader.placeOf("worker.frame_max"),
      "worker.frame_max is " + sizeText(settings.worker.frame_max_bytes) +
          ", too small for webhook.max_body or platform.reply_max; accepted: at least " +
          sizeText(longest + kFrameHeadroom));
}

void checkBuffered(const Settings& settings, const Reader& reader) {
  const std::int64_t longest = settings.gate.head_max_bytes + settings.webhook.max_body_bytes;
  if (settings.gate.buffered_max_bytes >= longest) return;
  throw StartupError(reader.placeOf("gate.buffered_max"),
                     "gate.buffered_max is " + sizeText(settings.gate.buffered_max_bytes) +
                         ", too small for one request of gate.head_max and webhook.max_body; "
                         "accepted: at least " +
                         sizeText(longest));
}

bool isEveryAddress(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

void checkPorts(const Settings& settings, const Reader& reader) {
  const bool same_host = settings.admin_host == settings.listen_host ||
                         isEveryAddress(settings.admin_host) ||
                         isEveryAddress(settings.listen_host);
  const bool same_port = settings.admin_port == settings.listen_port && settings.admin_port != 0;
  if (!settings.admin_enabled || !same_port || !same_host) return;
  throw StartupError(reader.placeOf("admin"), "admin has the port of listen, " +
                                                  std::to_string(settings.admin_port) +
                                                  "; accepted: another port, or off");
}

void checkAdmin(const Settings& settings, const Reader& reader) {
  const bool reachable = settings.admin_enabled && !isLoopbackHost(settings.admin_host);
  if (!reachable || !settings.admin_token.empty()) return;
  throw StartupError(
      reader.placeOf("admin"),
      "admin is " + hostPortText({settings.admin_host, settings.admin_port}) +
          ", which others can reach, and there is no admin_token; accepted: a loopback address "
          "such as 127.0.0.1:9090, or admin_token: \"${MODHOST_ADMIN_TOKEN}\" with a long random "
          "text");
}

// What people leave in place of a secret; `***` is what `modhost check` prints.
bool isPlaceholder(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* part :
       {"...", "changeme", "change-me", "change_me", "your-", "your_", "***", "${"}) {
    if (text.find(part) != std::string::npos) return true;
  }
  const std::vector<std::string> words = {"secret", "test", "dummy", "example", "password",
                                          "key",    "none", "todo",  "xxx",     "placeholder"};
  const bool bracketed = text.size() > 1 && text.front() == '<' && text.back() == '>';
  return bracketed || std::find(words.begin(), words.end(), text) != words.end() ||
         text.find_first_not_of(text[0]) == std::string::npos;
}

bool isWrapped(const std::string& text) {
  return text.size() > 1 && (text.front() == '"' || text.front() == '\'') &&
         text.front() == text.back();
}

void checkSecret(const Reader& reader, const std::string& path, const std::string& secret) {
  if (!isPlaceholder(secret)) return;
  throw StartupError(reader.placeOf(path),
                     path +
                         " is a placeholder (it is not shown); accepted: a secret that nobody can "
                         "guess, such as what `openssl rand -hex 32` prints");
}

void checkSecrets(const Settings& settings, const Reader& reader) {
  for (std::size_t i = 0; i < settings.webhook.secrets.size(); ++i) {
    checkSecret(reader, "webhook." + indexed("secrets", i), settings.webhook.secrets[i].text);
  }
  checkSecret(reader, "platform.api_key", settings.platform.api_key);
  if (!settings.admin_token.empty()) checkSecret(reader, "admin_token", settings.admin_token);
}

bool isPlainHttp(const Settings::PlatformSettings& platform) {
  return platform.api_base.rfind("http://", 0) == 0 && !isLoopbackHost(urlHost(platform.api_base));
}

void checkPlainHttp(const Settings& settings, const Reader& reader) {
  if (!isPlainHttp(settings.platform) || settings.platform.allow_plain_http) return;
  throw StartupError(reader.placeOf("platform.api_base"),
                     "platform.api_base is plain http to another machine: the key and every chat "
                     "would travel readable; accepted: https, http on loopback, or "
                     "platform.allow_plain_http: true where the network itself is private");
}

const char* kindWord(mode_t mode) {
  if (S_ISREG(mode)) return "a file";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a named pipe";
  return S_ISSOCK(mode) ? "a socket" : "a device";
}

// st_mode of what lies at `path`; nullopt: errno says why. Opens nothing, as that may block.
std::optional<mode_t> modeOf(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status.st_mode;
}

void refuseKind(const Reader& reader, const std::string& key, const std::string& path, mode_t mode,
                const char* accepted) {
  throw StartupError(reader.placeOf(key), key + " is " + quotedText(path) + ", " + kindWord(mode) +
                                              "; accepted: " + accepted);
}

// What may not be looked at is left to who opens it.
void checkCaFile(const Settings& settings, const Reader& reader) {
  const std::string& path = settings.platform.ca_file;
  if (path.empty()) return;
  const std::optional<mode_t> mode = modeOf(path);
  if (!mode && errno != EACCES) {
    throw StartupError(reader.placeOf("platform.ca_file"),
                       "platform.ca_file is " + quotedText(path) + ": " +
                           std::generic_category().message(errno) +
                           "; accepted: a file of certificates (PEM)");
  }
  if (mode && !S_ISREG(*mode)) {
    refuseKind(reader, "platform.ca_file", path, *mode, "a file of certificates (PEM)");
  }
}

void checkInboxPath(const Settings& settings, const Reader& reader) {
  const std::optional<mode_t> mode = modeOf(settings.inbox.sqlite_path);
  if (!mode || S_ISREG(*mode)) return;
  refuseKind(reader, "inbox.sqlite.path", settings.inbox.sqlite_path, *mode,
             "a file, or a name that is free");
}

void checkFolder(const Reader& reader, const std::string& key, const std::string& path) {
  const std::optional<mode_t> mode = modeOf(path);
  if (mode && !S_ISDIR(*mode)) refuseKind(reader, key, path, *mode, "a folder");
}

// A module's file is looked at when its note is read.
void checkPaths(const Settings& settings, const Reader& reader) {
  checkCaFile(settings, reader);
  checkInboxPath(settings, reader);
  checkFolder(reader, "modules_dir", settings.modules_dir);
  checkFolder(reader, "run_dir", settings.run_dir);
}

class Warnings {
 public:
  explicit Warnings(const Reader& reader) : reader_(reader) {}
  void add(const std::string& path, const std::string& what) {
    lines_.push_back(reader_.placeOf(path) + ": " + path + " " + what);
  }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  const Reader& reader_;
  std::vector<std::string> lines_;
};

void warnOfSecret(Warnings& warnings, const std::string& path, const std::string& secret) {
  if (isWrapped(secret)) warnings.add(path, "begins and ends with a quote; is that meant?");
}

void warnOfAdminToken(Warnings& warnings, const std::string& token) {
  if (token.empty()) return;
  warnOfSecret(warnings, "admin_token", token);
  if (token.size() < kAdminTokenShort) {
    warnings.add("admin_token", "is shorter than " + std::to_string(kAdminTokenShort) +
                                    " characters; whoever reaches the port may guess it");
  }
}

void warnOfPlainHttp(Warnings& warnings, const Settings::PlatformSettings& platform) {
  if (!isPlainHttp(platform)) return;
  warnings.add("platform.api_base", "is plain http: the key and every chat travel readable");
}

void warnOfPlainHttp2(Warnings& warnings, const Settings::PlatformSettings& platform) {
  if (!platform.http2 || platform.api_base.rfind("https://", 0) == 0) return;
  warnings.add("platform.http2",
               "is of no use: api_base is plain http, where calls go by HTTP/1.1");
}

// What other programs on this machine obey, and this one does not.
void warnOfProxyVariables(Warnings& warnings, const Settings::PlatformSettings& platform) {
  if (!platform.proxy.empty()) return;
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    return warnings.add("platform.proxy", std::string("is empty, and the variable ") + name +
                                              " is not looked at; to go by it: proxy: \"${" + name +
                                              "}\"");
  }
}

void warnOfIdleModules(Warnings& warnings, const Settings& settings) {
  for (std::size_t i = 0; i < settings.modules.size(); ++i) {
    const std::string& id = settings.modules[i].id;
    const bool routed = std::any_of(
        settings.routes.begin(), settings.routes.end(), [&](const Settings::RouteKeys& route) {
          return std::find(route.to.begin(), route.to.end(), id) != route.to.end();
        });
    if (!routed)
      warnings.add(indexed("modules", i), "(" + id + ") gets no event: no route leads to it");
  }
}

}  // namespace

void checkSettings(const Settings& settings, const Reader& reader) {
  checkIds(settings, reader);
  checkTargets(settings, reader);
  checkAnswers(settings, reader);
  checkBackoffs(settings, reader);
  checkFrame(settings, reader);
  checkBuffered(settings, reader);
  checkPorts(settings, reader);
  checkAdmin(settings, reader);
  checkSecrets(settings, reader);
  checkPlainHttp(settings, reader);
  checkPaths(settings, reader);
}

std::vector<std::string> settingsWarnings(const Settings& settings, const Reader& reader) {
  Warnings warnings(reader);
  for (std::size_t i = 0; i < settings.webhook.secrets.size(); ++i) {
    warnOfSecret(warnings, "webhook." + indexed("secrets", i), settings.webhook.secrets[i].text);
  }
  warnOfSecret(warnings, "platform.api_key", settings.platform.api_key);
  warnOfAdminToken(warnings, settings.admin_token);
  warnOfPlainHttp(warnings, settings.platform);
  warnOfPlainHttp2(warnings, settings.platform);
  warnOfProxyVariables(warnings, settings.platform);
  warnOfIdleModules(warnings, settings);
  if (settings.routes.empty()) warnings.add("routes", "is empty: every event is unrouted");
  return warnings.take();
}

}  // namespace modhost::host
