#include "host/admin/admin_routes.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "embedded_openapi.h"
#include "host/admin/admin_json.h"
#include "host/admin/log_routes.h"
#include "host/admin/page.h"
#include "host/admin/write_probe.h"

namespace modhost::host {

namespace {

using Json = nlohmann::json;

constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

// What the pages about the host itself are made of. Threads: any.
class HostPages {
 public:
  HostPages(Clock& clock, Inbox& inbox, AdminSources sources)
      : clock_(clock), inbox_(inbox), sources_(std::move(sources)), started_(clock.steadyNow()) {}

  AdminReply ready() const {
    const std::vector<std::string> reasons = notReady();
    if (reasons.empty()) return jsonReply(200, {{"ready", true}});
    return jsonReply(503, {{"ready", false}, {"reasons", reasons}});
  }

  void beforeMetrics() const {
    if (sources_.before_metrics) sources_.before_metrics();
  }

  AdminReply status() const {
    using std::chrono::seconds;
    const auto uptime = std::chrono::duration_cast<seconds>(clock_.steadyNow() - started_);
    Json json = sources_.status ? sources_.status() : Json::object();
    json["version"] = MODHOST_VERSION;
    json["uptime_seconds"] = uptime.count();
    json["inbox"] = inbox();
    json["show_bodies"] = sources_.events.show_bodies;
    return jsonReply(200, json);
  }

 private:
  std::vector<std::string> notReady() const {
    std::vector<std::string> reasons;
    if (sources_.not_ready) reasons = sources_.not_ready();
    const Result<void> written = probe_->ask(clock_, inbox_);
    if (!written) reasons.push_back("inbox not writable: " + written.error().message);
    const Result<InboxStats> stats = inbox_.stats();
    if (stats && stats.value().disk_low) {
      reasons.push_back("inbox not writable: the disk is below inbox.disk_free_min");
    }
    return reasons;
  }

  Json inbox() const {
    const Result<InboxStats> stats = inbox_.stats();
    if (!stats) return {{"error", stats.error().message}};
    const InboxStats& s = stats.value();
    return {{"waiting", s.waiting},
            {"running", s.running},
            {"closing", s.closing},
            {"done", s.done},
            {"dead", s.dead},
            {"events", s.events},
            {"ambiguous_creates", s.ambiguous_creates}};
  }

  Clock& clock_;
  Inbox& inbox_;
  const AdminSources sources_;
  const SteadyTime started_;
  const std::shared_ptr<WriteProbe> probe_ = std::make_shared<WriteProbe>();
};

AdminReply metricsPage(const Metrics& metrics) {
  AdminReply reply;
  reply.type = kMetricsType;
  reply.text = metrics.text();
  return reply;
}

}  // namespace

AdminRouter adminRoutes(Clock& clock, Metrics& metrics, Inbox& inbox, DeadLetters& letters,
                        AdminSources sources) {
  AdminRouter router;
  addEventRoutes(router, clock, letters, sources.events);
  addLogRoutes(router, sources.events.modules);
  addPage(router);
  if (sources.reload) router.add("POST", "/api/v1/reload", sources.reload);
  if (sources.attempts) router.add("GET", "/api/v1/attempts", sources.attempts);
  const auto pages = std::make_shared<const HostPages>(clock, inbox, std::move(sources));
  const auto status = [pages](const AdminRequest&) { return pages->status(); };
  router.add("GET", "/healthz", [](const AdminRequest&) {
    return jsonReply(200, {{"status", "ok"}});
  });
  router.add("GET", "/readyz", [pages](const AdminRequest&) { return pages->ready(); });
  router.add("GET", "/metrics", [&metrics, pages](const AdminRequest&) {
    pages->beforeMetrics();
    return metricsPage(metrics);
  });
  router.add("GET", "/status", status);
  router.add("GET", "/api/v1/status", status);
  router.add("GET", "/api/v1/openapi.json", [](const AdminRequest&) {
    AdminReply reply;
    reply.text = kOpenApi;
    return reply;
  });
  return router;
}

}  // namespace modhost::host
