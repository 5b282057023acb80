#include "host/admin/log_routes.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "host/admin/admin_json.h"
#include "host/base/log.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;

constexpr char kLasts[] =
    "what is set by hand lasts until the next reload or restart, which sets the configured levels "
    "again";

Error invalid(const std::string& text) { return {ErrorKind::kInvalid, text}; }

const char* fromWord(LogLevelFrom from) {
  if (from == LogLevelFrom::kByHand) return "by_hand";
  return from == LogLevelFrom::kConfigured ? "configured" : "common";
}

Json levelJson(const std::string& scope) {
  const LogLevelInForce found = logLevelOf(scope);
  return {{"level", logLevelWord(found.level)}, {"from", fromWord(found.from)}};
}

// What a POST wants: a level, or nullptr for the configured one; of one module, or of all.
struct Wish {
  const LogLevel* level = nullptr;
  std::string module;
};

Result<std::string> textOf(const std::string& name, const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return invalid(name + " is no text; accepted: {\"" + name + "\": \"…\"}");
}

Result<const LogLevel*> levelOf(const Json& value) {
  const Result<std::string> word = textOf("level", value);
  if (!word) return word.error();
  const LogLevel* level = logLevelFrom(word.value());
  if (level != nullptr) return level;
  return invalid("level is \"" + word.value().substr(0, 63) +
                 "\"; accepted: trace, debug, info, warn, error");
}

Result<Wish> wishIn(const std::string& body) {
  const Result<Json> json = bodyObject(body);
  if (!json) return json.error();
  Wish wish;
  bool reset = false;
  for (const auto& [name, value] : json.value().items()) {
    if (name == "level") {
      const Result<const LogLevel*> level = levelOf(value);
      if (!level) return level.error();
      wish.level = level.value();
    } else if (name == "module") {
      Result<std::string> module = textOf(name, value);
      if (!module) return module.error();
      wish.module = module.take();
      if (wish.module.empty()) return invalid("module is empty; accepted: the id of one");
    } else if (name == "reset") {
      if (!value.is_boolean()) return invalid("reset is no truth; accepted: true, false");
      reset = value.get<bool>();
    } else {
      return invalid("unknown name \"" + name.substr(0, 63) + "\"; accepted: level, module, reset");
    }
  }
  if (reset != (wish.level != nullptr)) return wish;
  return invalid(
      "neither or both of level and reset; accepted: {\"level\": \"debug\"}, or "
      "{\"reset\": true}");
}

// Written whatever the level: who reads the log later must see why its lines begin or end.
void tell(const char* what, const LogFields& about, LogLevelInForce before, LogLevelInForce now) {
  logLine(LogLevel::kWarn, "admin", what, about,
          {{"level", logLevelWord(now.level)}, {"was", logLevelWord(before.level)}});
}

// Threads: any.
class LogPages {
 public:
  explicit LogPages(std::function<std::vector<AdminModule>()> modules)
      : modules_(std::move(modules)) {}

  AdminReply show() const {
    Json json = levelJson("");
    json["modules"] = Json::array();
    for (const std::string& id : ids()) {
      Json module = levelJson(moduleLogScope(id));
      module["id"] = id;
      json["modules"].push_back(std::move(module));
    }
    json["note"] = kLasts;
    return jsonReply(200, json);
  }

  AdminReply change(const AdminRequest& request) const {
    const Result<Wish> wish = wishIn(request.body);
    if (!wish) return problem(400, wish.error().message);
    const std::string& module = wish.value().module;
    if (!module.empty() && !serves(module)) return problem(400, notServing(module));
    const std::string scope = module.empty() ? "" : moduleLogScope(module);
    const LogLevelInForce before = logLevelOf(scope);
    apply(wish.value(), scope);
    tell(wish.value().level != nullptr ? "log level changed"
                                       : "log level is the configured one again",
         module.empty() ? LogFields{} : LogFields{{"module", module}}, before, logLevelOf(scope));
    return show();
  }

 private:
  static void apply(const Wish& wish, const std::string& scope) {
    if (wish.level != nullptr) return logSetLevel(scope, *wish.level);
    if (scope.empty()) return logResetLevels();
    logResetLevel(scope);
  }

  std::vector<std::string> ids() const {
    std::vector<std::string> found;
    if (!modules_) return found;
    for (const AdminModule& module : modules_()) found.push_back(module.id);
    return found;
  }

  bool serves(const std::string& module) const {
    const std::vector<std::string> serving = ids();
    return std::find(serving.begin(), serving.end(), module) != serving.end();
  }

  std::string notServing(const std::string& module) const {
    std::string serving;
    for (const std::string& id : ids()) serving += (serving.empty() ? "" : ", ") + id;
    return "module is \"" + module.substr(0, 63) + "\", which does not serve; accepted: " +
           (serving.empty() ? "none, as no module serves" : serving);
  }

  const std::function<std::vector<AdminModule>()> modules_;
};

}  // namespace

void addLogRoutes(AdminRouter& router, std::function<std::vector<AdminModule>()> modules) {
  const auto pages = std::make_shared<const LogPages>(std::move(modules));
  router.add("GET", "/api/v1/log-level", [pages](const AdminRequest&) { return pages->show(); });
  router.add("POST", "/api/v1/log-level",
             [pages](const AdminRequest& request) { return pages->change(request); });
}

}  // namespace modhost::host
