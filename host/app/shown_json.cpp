#include "host/app/shown_json.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "host/admin/admin_json.h"
#include "host/base/time_text.h"
#include "host/inbox/event_query.h"
#include "host/platform/call_trace.h"

namespace modhost::host {

namespace {

using Json = nlohmann::json;

Json routeJson(const Route& route) {
  Json when = Json::object();
  for (const Condition& condition : route.when) {
    std::string path;
    for (const std::string& step : condition.path) path += (path.empty() ? "" : ".") + step;
    when[path] = *condition.values;
  }
  return {{"event", route.event}, {"when", std::move(when)}, {"to", route.to}};
}

Json attemptJson(const RecentAttempt& one) {
  Json json = {{"seq", one.key.seq},
               {"id", one.event_id},
               {"type", one.event_type},
               {"module", one.key.target},
               {"attempt", one.attempt},
               {"received_at", isoTime(one.received_at)},
               {"started_at", isoTime(one.started_at)},
               {"end", nullptr}};
  if (!one.end) return json;
  json["end"] = endWord(*one.end);
  json["took_ms"] = static_cast<double>(one.took.count()) / 1'000;
  json["again"] = one.again;
  json["error"] = one.error;
  return json;
}

Json callJson(const RecentCall& call) {
  Json json = {{"module", call.owner.key.target},
               {"attempt", call.owner.attempt},
               {"method", call.method},
               {"route", call.route},
               {"started_at", isoTime(call.started_at)},
               {"ended", call.ended}};
  if (!call.ended) return json;
  json["took_ms"] = static_cast<double>(call.took.count()) / 1'000;
  json["tries"] = call.tries;
  json["status"] = call.error ? Json() : Json(call.status);
  json["error"] = call.error ? Json(errorWord(*call.error)) : Json();
  return json;
}

// 0 when it was not said; nullopt when it is no number.
std::optional<std::int64_t> afterIn(const AdminRequest& request) {
  const auto found = request.query.find("after");
  if (found == request.query.end()) return 0;
  const std::string& text = found->second;
  std::int64_t after = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), after);
  if (error != std::errc{} || end != text.data() + text.size() || after < 0) return std::nullopt;
  return after;
}

}  // namespace

Json routesJson(const RouteTable& table) {
  Json routes = Json::array();
  for (const Route& route : table.routes()) routes.push_back(routeJson(route));
  return routes;
}

AdminReply attemptsReply(const RecentAttempts& recent, const AdminRequest& request, WallTime now) {
  const std::optional<std::int64_t> after = afterIn(request);
  if (!after) return problem(400, "after is no number; accepted: `latest` of the reply before");
  const std::vector<RecentAttempt> changed = recent.changedSince(*after);
  const std::int64_t before = std::min(*after, recent.lastChange());
  Json json = {{"now", isoTime(now)}, {"latest", before}, {"attempts", Json::array()}};
  for (const RecentAttempt& one : changed) json["attempts"].push_back(attemptJson(one));
  if (!changed.empty()) json["latest"] = changed.back().change;
  return jsonReply(200, json);
}

Json callsJson(const std::vector<RecentCall>& calls) {
  Json json = Json::array();
  for (const RecentCall& call : calls) json.push_back(callJson(call));
  return json;
}

}  // namespace modhost::host
