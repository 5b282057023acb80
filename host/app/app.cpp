#include "host/app/app.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "host/admin/admin_routes.h"
#include "host/admin/admin_server.h"
#include "host/app/module_set.h"
#include "host/app/process.h"
#include "host/app/service.h"
#include "host/app/signals.h"
#include "host/app/wiring.h"
#include "host/base/log.h"
#include "host/base/startup_error.h"
#include "host/base/thread.h"
#include "host/base/time_text.h"
#include "host/dispatch/dispatcher.h"
#include "host/guard/ledger_guard.h"
#include "host/inbox/sqlite_inbox.h"
#include "host/ingress/ingress.h"
#include "host/platform/curl_platform.h"

namespace modhost::host {
namespace {

// After the drain nothing runs in a module but what overran; stop() in a module may take this long.
constexpr Milliseconds kModuleStopGrace{2'000};

// Of all that runs, what /status counts by module at most.
constexpr std::size_t kRunningMax = 10'000;

std::vector<std::shared_ptr<ModuleRunner>> runnersOf(const std::vector<Lane>& lanes) {
  std::vector<std::shared_ptr<ModuleRunner>> runners;
  for (const Lane& lane : lanes) runners.push_back(lane.runner);
  return runners;
}

nlohmann::json moduleStatus(const ModuleRunner& runner) {
  const ModuleDescription& module = runner.description();
  const RunnerHealth health = runner.health();
  nlohmann::json status = {
      {"id", module.id},         {"version", module.version}, {"concurrency", runner.concurrency()},
      {"stuck", runner.stuck()}, {"workers", health.workers}, {"restarts", health.restarts},
      {"last_death", nullptr}};
  if (health.last_death) {
    status["last_death"] = {{"at", isoTime(health.last_death->at)},
                            {"how", health.last_death->how},
                            {"events", health.last_death->events}};
  }
  return status;
}

}  // namespace

// In start order; each may use what stands above it.
struct App::Parts {
  SystemClock clock;
  Metrics metrics;
  std::atomic<bool> storage_failed{false};
  std::atomic<bool> draining{false};
  std::unique_ptr<SqliteInbox> inbox;
  CurlPlatform platform;
  LedgerGuard guard;
  CurrentRoutes routes;
  std::vector<Lane> lanes;
  std::vector<std::shared_ptr<ModuleRunner>> runners;
  Dispatcher dispatcher;
  Ingress ingress;
  std::unique_ptr<AdminServer> admin;

  Parts(const Settings& settings, StopSignals& signals)
      : inbox(openInbox(settings, signals)),
        platform(platformSettings(settings), clock, metrics),
        guard(*inbox, platform, clock, metrics, guardSettings(settings)),
        routes(makeRoutes(settings)),
        lanes(startModules(settings, metrics, clock)),
        runners(runnersOf(lanes)),
        dispatcher(*inbox, guard, clock, metrics, dispatchSettings(settings), lanes),
        ingress(clock, metrics, *inbox, routes, ingressSettings(settings)),
        admin(startAdmin(settings)) {}

  std::unique_ptr<SqliteInbox> openInbox(const Settings& settings, StopSignals& signals);
  std::unique_ptr<AdminServer> startAdmin(const Settings& settings);
  std::vector<std::string> notReady() const;
  std::map<Target, int> runningByModule() const;
  nlohmann::json status() const;
  std::vector<AdminModule> servingModules() const;
};

// Who must hear of a failure is there before the first module starts.
std::unique_ptr<SqliteInbox> App::Parts::openInbox(const Settings& settings, StopSignals& signals) {
  auto opened = SqliteInbox::open(inboxSettings(settings), clock, metrics);
  if (!opened.ok()) throw StartupError(settings.inbox.sqlite_path, opened.error().message);
  opened.value()->onFailure([this, &signals](const Error& error) {
    logError("inbox", "storage has failed; refusing events and stopping",
             {{"error", error.message}});
    storage_failed = true;
    signals.wake();
  });
  return opened.take();
}

std::unique_ptr<AdminServer> App::Parts::startAdmin(const Settings& settings) {
  if (!settings.admin_enabled) return nullptr;
  AdminSources sources;
  sources.not_ready = [this] { return notReady(); };
  sources.status = [this] { return status(); };
  sources.events.modules = [this] { return servingModules(); };
  sources.events.show_bodies = settings.admin_show_bodies;
  AdminRouter pages = adminRoutes(clock, metrics, *inbox, *inbox, std::move(sources));
  return std::make_unique<AdminServer>(std::move(pages), adminSettings(settings));
}

std::vector<std::string> App::Parts::notReady() const {
  std::vector<std::string> reasons;
  if (draining) reasons.push_back("draining");
  if (storage_failed) reasons.push_back("storage failed");
  return reasons;
}

std::map<Target, int> App::Parts::runningByModule() const {
  EventQuery query;
  query.state = DeliveryState::kRunning;
  query.max = kRunningMax;
  std::map<Target, int> running;
  const Result<EventPage> page = inbox->page(query);
  if (!page) return running;
  for (const EventView& event : page.value().events) {
    for (const DeliveryView& delivery : event.deliveries) ++running[delivery.target];
  }
  return running;
}

nlohmann::json App::Parts::status() const {
  nlohmann::json modules = nlohmann::json::array();
  std::map<Target, int> running = runningByModule();
  for (const Lane& lane : lanes) {
    nlohmann::json module = moduleStatus(*lane.runner);
    module["isolation"] = lane.in_process ? "in_process" : "worker";
    module["running"] = running[lane.runner->description().id];
    modules.push_back(std::move(module));
  }
  return {{"modules", std::move(modules)}};
}

std::vector<AdminModule> App::Parts::servingModules() const {
  std::vector<AdminModule> modules;
  for (const Lane& lane : lanes) modules.push_back({lane.runner->description().id, lane.answers});
  return modules;
}

App::App(const Settings& settings, StopSignals& signals)
    : parts_(std::make_unique<Parts>(settings, signals)) {
  // What waits from before goes first, then the door opens.
  parts_->dispatcher.start();
  if (parts_->admin) parts_->admin->start();
  parts_->ingress.start();
}

App::~App() { stop(); }

int App::webhookPort() const { return parts_->ingress.port(); }
int App::adminPort() const { return parts_->admin ? parts_->admin->port() : 0; }
bool App::storageFailed() const { return parts_->storage_failed; }

bool App::hasStuckThreads() const {
  return std::any_of(parts_->runners.begin(), parts_->runners.end(),
                     [](const auto& runner) { return runner->stuck() > 0; });
}

void App::hurry() { parts_->dispatcher.hurry(); }

void App::stop() {
  if (parts_->draining.exchange(true)) return;
  parts_->ingress.drain();
  parts_->dispatcher.stop();
  parts_->ingress.stop();
  for (const auto& runner : parts_->runners) runner->stop(kModuleStopGrace);
}

namespace {

std::string address(const std::string& host, int port) {
  return "http://" + host + ":" + std::to_string(port);
}

void logStart(const Settings& settings) {
  for (const std::string& variable : settings.variables) logInfo("config", "setting " + variable);
  for (const std::string& warning : settings.warnings) logWarn("config", warning);
  const std::int64_t needed =
      settings.gate.connections_max + settings.platform.connections_max + kFilesOfTheHost;
  if (fileLimit() < needed) {
    logWarn("app",
            "the limit on open files is low; strangers' connections may take what calls need",
            {{"limit", fileLimit()}, {"needed", needed}});
  }
}

void logReady(const Settings& settings, const App& app) {
  const std::string webhook =
      address(settings.listen_host, app.webhookPort()) + settings.webhook.path;
  const std::string admin =
      app.adminPort() == 0 ? "off" : address(settings.admin_host, app.adminPort());
  logInfo("app", "ready",
          {{"webhook", webhook},
           {"admin", admin},
           {"modules", settings.modules.size()},
           {"version", MODHOST_VERSION}});
}

// Tells the watchdog while it waits; the signal's number, 0 for a failed storage.
int waitForStop(StopSignals& signals) {
  const auto interval = watchdogInterval();
  const auto patience = interval.value_or(std::chrono::hours(1));
  for (;;) {
    if (const auto signal = signals.waitFor(patience)) return *signal;
    if (interval) notifyAlive();
  }
}

// Stops the App; another signal meanwhile means that somebody does not want to wait.
void stopWatched(App& app, StopSignals& signals) {
  std::atomic<bool> stopped{false};
  Thread second("second-signal", [&] {
    while (!stopped) {
      const auto signal = signals.waitFor(std::chrono::hours(1));
      if (!signal || *signal == 0) continue;  // time is over, a failed storage, or stopped
      logWarn("app", "asked again: running deliveries are handed back now", {{"signal", *signal}});
      app.hurry();
    }
  });
  app.stop();
  stopped = true;
  signals.wake();
  second.join();
}

}  // namespace

int runHost(const std::string& config_file) {
  protectSecrets();
  raiseFileLimit();
  StopSignals signals;
  const Settings settings = loadSettings(config_file);
  logInit(logSettings(settings));
  App app(settings, signals);
  // Said only now, so that a refusal is one line and nothing else.
  logStart(settings);
  logReady(settings, app);
  notifyReady();
  const int signal = waitForStop(signals);
  notifyStopping();
  logInfo("app", "stopping",
          {{"signal", signal}, {"drain", durationText(settings.dispatch.drain)}});
  stopWatched(app, signals);
  logInfo("app", "stopped");
  const int status = app.storageFailed() ? 1 : 0;
  // A module's thread that never came back must not meet destructors.
  if (app.hasStuckThreads()) std::_Exit(status);
  return status;
}

}  // namespace modhost::host
