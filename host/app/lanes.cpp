#include "host/app/lanes.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "host/base/startup_error.h"
#include "host/guard/call_patterns.h"

namespace modhost::host {
namespace {

OrderBy orderBy(const std::string& word) {
  return word == "chat" ? OrderBy::kChat : OrderBy::kNone;
}

std::shared_ptr<const std::vector<CallPattern>> callPatterns(const Settings::Module& module) {
  if (module.platform_calls.empty()) {
    return std::make_shared<const std::vector<CallPattern>>(defaultCallPatterns());
  }
  std::vector<CallPattern> patterns;
  for (const std::string& text : module.platform_calls) {
    auto pattern = parseCallPattern(text);
    if (!pattern.ok())
      throw StartupError(module.where, "platform_calls: " + pattern.error().message);
    patterns.push_back(pattern.take());
  }
  return std::make_shared<const std::vector<CallPattern>>(std::move(patterns));
}

std::vector<Condition> conditions(const std::string& when_json) {
  std::vector<Condition> all;
  const auto when = nlohmann::json::parse(when_json);
  for (const auto& [path, values] : when.items()) {
    Condition condition;
    for (std::size_t start = 0; start <= path.size();) {
      const std::size_t dot = std::min(path.find('.', start), path.size());
      condition.path.push_back(path.substr(start, dot - start));
      start = dot + 1;
    }
    condition.values = std::make_shared<const nlohmann::json>(values);
    all.push_back(std::move(condition));
  }
  return all;
}

}  // namespace

ModuleSettings moduleSettings(const Settings::Module& module) {
  ModuleSettings made;
  made.id = module.id;
  made.path = module.path;
  made.sha256 = module.sha256;
  made.isolation = module.isolation == "in_process" ? Isolation::kInProcess : Isolation::kWorker;
  made.concurrency = module.concurrency;
  made.config_json = module.config_json;
  made.config_where = module.config_where;
  made.config_position = [module](const std::string& pointer) {
    return module.positionOf(pointer);
  };
  return made;
}

Lane makeLane(const Settings::Module& module, std::shared_ptr<ModuleRunner> runner) {
  Lane lane;
  const Milliseconds own_timeout = runner->description().timeout_default;
  lane.timeout = module.timeout.count() > 0 ? module.timeout : own_timeout;
  lane.in_process = module.isolation == "in_process";
  lane.order_by = orderBy(module.order_by);
  lane.retry = {module.retry_attempts, module.retry_backoff, module.retry_backoff_max};
  lane.answers = module.answers;
  lane.platform_calls = callPatterns(module);
  lane.runner = std::move(runner);
  return lane;
}

std::shared_ptr<const RouteTable> makeRoutes(const Settings& settings) {
  std::vector<Route> routes;
  for (const Settings::RouteKeys& keys : settings.routes) {
    routes.push_back({keys.event, conditions(keys.when_json), keys.to});
  }
  return std::make_shared<const RouteTable>(std::move(routes));
}

}  // namespace modhost::host
