#include "host/app/app.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "host/admin/admin_json.h"
#include "host/admin/admin_routes.h"
#include "host/admin/admin_server.h"
#include "host/app/lanes.h"
#include "host/app/module_set.h"
#include "host/app/modules_watch.h"
#include "host/app/process.h"
#include "host/app/process_metrics.h"
#include "host/app/reloader.h"
#include "host/app/service.h"
#include "host/app/shown_json.h"
#include "host/app/signals.h"
#include "host/app/start_check.h"
#include "host/app/wiring.h"
#include "host/base/log.h"
#include "host/base/startup_error.h"
#include "host/base/thread.h"
#include "host/base/time_text.h"
#include "host/dispatch/dispatcher.h"
#include "host/guard/ledger_guard.h"
#include "host/inbox/sqlite_inbox.h"
#include "host/ingress/ingress.h"
#include "host/modules/in_process_runner.h"
#include "host/platform/curl_platform.h"

namespace modhost::host {
namespace {

// How long a POST waits for its reload.
constexpr Milliseconds kReloadPatience{55'000};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

void applyLogSettings(const Settings& settings) {
  LogSettings log = logSettings(settings);
  logSetLevels(log.level, std::move(log.own));
  logShowText(log.message_text);
}

void logOutcome(const std::string& trigger, const ReloadOutcome& outcome) {
  if (!outcome.ok()) {
    return logError("app", "reload refused; everything stays as it was",
                    {{"trigger", trigger}, {"error", outcome.error}});
  }
  logInfo("app", "reloaded",
          {{"trigger", trigger},
           {"added", joined(outcome.added)},
           {"replaced", joined(outcome.replaced)},
           {"removed", joined(outcome.removed)}});
  if (!outcome.needs_restart.empty()) {
    logWarn("app", "needs a restart: " + joined(outcome.needs_restart));
  }
}

}  // namespace

// In start order; each may use what stands above it.
struct App::Parts {
  SystemClock clock;
  Metrics metrics;
  std::atomic<bool> storage_failed{false};
  std::atomic<bool> draining{false};
  Settings settings;  // what serves; after the start the reloader's thread alone has it
  Counter reloads, reloads_refused;
  ProcessMetrics process;
  Gauge oldest_seconds, modules_down;
  std::unique_ptr<SqliteInbox> inbox;
  CurlPlatform platform;
  LedgerGuard guard;
  CurrentRoutes routes;
  Reloader reloader;
  ModuleSet modules;
  Dispatcher dispatcher;
  Ingress ingress;
  std::unique_ptr<ModulesWatch> watch;  // the reloader's thread's, too
  std::unique_ptr<AdminServer> admin;

  Parts(const Settings& given, Signals& signals, const HandedSockets& handed)
      : settings(given),
        reloads(reloadCounter("done")),
        reloads_refused(reloadCounter("refused")),
        process(metrics, clock),
        oldest_seconds(metrics.gauge("modhost_inbox_oldest_seconds",
                                     "Age of the oldest event with an open delivery; 0: none.")),
        modules_down(metrics.gauge("modhost_modules_down",
                                   "Modules that cannot take an event now; /readyz names them.")),
        inbox(openInbox(signals)),
        platform(platformSettings(settings), clock, metrics),
        guard(*inbox, platform, clock, metrics, guardSettings(settings)),
        routes(makeRoutes(settings)),
        reloader(clock, {[this](const std::string& trigger) { return reload(trigger); },
                         [this] { modules.sweep(); }}),
        modules(metrics, clock, [this] { reloader.requestSweep(); }),
        dispatcher(*inbox, guard, clock, metrics, dispatching(), firstLanes()),
        ingress(clock, metrics, *inbox, routes, firstIngress(handed)),
        admin(startAdmin(handed)) {}

  Counter reloadCounter(const char* result);
  std::unique_ptr<SqliteInbox> openInbox(Signals& signals);
  IngressSettings firstIngress(const HandedSockets& handed) const;
  std::unique_ptr<AdminServer> startAdmin(const HandedSockets& handed);
  std::vector<Lane> firstLanes();
  DispatchSettings dispatching();
  void refreshMetrics();
  void watchModules();
  ReloadOutcome reload(const std::string& trigger);
  ReloadOutcome takeOver();
  AdminReply answerReload();
  nlohmann::json status() const;
  std::vector<std::string> notReady() const;
};

Counter App::Parts::reloadCounter(const char* result) {
  return metrics.counter("modhost_reloads_total", "Reloads of the configuration, by result.",
                         {{"result", result}});
}

// Who must hear of a failure is there before the first module starts.
std::unique_ptr<SqliteInbox> App::Parts::openInbox(Signals& signals) {
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

std::vector<Lane> App::Parts::firstLanes() {
  NextModules first = modules.prepare(settings);
  std::vector<Lane> lanes = std::move(first.lanes);
  modules.commit(std::move(first));
  return lanes;
}

IngressSettings App::Parts::firstIngress(const HandedSockets& handed) const {
  IngressSettings made = ingressSettings(settings);
  made.listener = handed.webhook.fd;
  return made;
}

DispatchSettings App::Parts::dispatching() {
  DispatchSettings made = dispatchSettings(settings);
  made.type_label = [this](const std::string& type) {
    const std::shared_ptr<const RouteTable> table = routes.get();
    return table->typeLabels()[table->typeLabel(type)];
  };
  return made;
}

void App::Parts::refreshMetrics() {
  process.refresh();
  modules_down.set(static_cast<double>(modules.down().size()));
  const std::optional<WallTime> oldest = inbox->oldestOpen();
  const Milliseconds age = oldest ? clock.wallNow() - *oldest : Milliseconds{};
  oldest_seconds.set(std::max(std::chrono::duration<double>(age).count(), 0.0));
}

std::unique_ptr<AdminServer> App::Parts::startAdmin(const HandedSockets& handed) {
  if (!settings.admin_enabled) return nullptr;
  AdminSources sources;
  sources.not_ready = [this] { return notReady(); };
  sources.status = [this] { return status(); };
  sources.before_metrics = [this] { refreshMetrics(); };
  sources.reload = [this](const AdminRequest&) { return answerReload(); };
  sources.attempts = [this](const AdminRequest& request) {
    return attemptsReply(dispatcher.recent(), request, clock.wallNow());
  };
  sources.events.modules = [this] { return modules.serving(); };
  sources.events.calls = [this](EventSeq seq) { return callsJson(guard.callsOf(seq)); };
  sources.events.show_bodies = settings.admin_show_bodies;
  AdminRouter pages = adminRoutes(clock, metrics, *inbox, *inbox, std::move(sources));
  AdminSettings made = adminSettings(settings);
  made.listener = handed.admin.fd;
  return std::make_unique<AdminServer>(clock, metrics, std::move(pages), made);
}

// Anew where the folder is another one, or was away; a folder that cannot be watched is said, and
// costs the watch alone.
void App::Parts::watchModules() {
  if (!settings.modules_watch) return watch.reset();
  if (watch && watch->alive() && watch->folder() == settings.modules_dir) return;
  watch.reset();
  auto started =
      ModulesWatch::start(settings.modules_dir, [this] { reloader.request("modules_dir"); });
  if (started.ok()) {
    watch = started.take();
  } else {
    logWarn("app", "new files in modules_dir will not be noticed",
            {{"error", started.error().message}});
  }
}

// A service manager that was told of the stop must not hear of readiness again.
ReloadOutcome App::Parts::reload(const std::string& trigger) {
  notifyReloading();
  ReloadOutcome outcome;
  try {
    outcome = takeOver();
  } catch (const std::exception& error) {
    outcome.error = error.what();
  }
  (outcome.ok() ? reloads : reloads_refused).add();
  logOutcome(trigger, outcome);
  if (!draining) notifyReady();
  return outcome;
}

// Until the modules are prepared everything may fail, and nothing that serves has been touched; from
// then on nothing fails. A module is with dispatch before a route leads to it, and no route leads to
// one any more before dispatch forgets it.
ReloadOutcome App::Parts::takeOver() {
  ReloadOutcome outcome;
  Settings next_settings = loadSettings(settings.file);
  warnOfExpired(next_settings, clock.wallNow());
  outcome.needs_restart = keepUntilRestart(settings, next_settings);
  std::shared_ptr<const RouteTable> next_routes = makeRoutes(next_settings);
  NextModules next = modules.prepare(next_settings);
  outcome.added = next.added;
  outcome.replaced = next.replaced;
  outcome.removed = next.removed;

  std::vector<Lane> all = next.lanes;
  all.insert(all.end(), next.removed_lanes.begin(), next.removed_lanes.end());
  dispatcher.reconfigure(std::move(all));
  routes.set(std::move(next_routes));
  if (!next.removed.empty()) dispatcher.reconfigure(next.lanes);
  modules.commit(std::move(next));

  settings = std::move(next_settings);
  ingress.apply(ingressSettings(settings));
  applyLogSettings(settings);
  watchModules();
  for (const std::string& warning : settings.warnings) logWarn("config", warning);
  return outcome;
}

// Whoever asks waits for the outcome, but not for ever: a module may take its start_timeout.
AdminReply App::Parts::answerReload() {
  const auto outcome = reloader.reload("admin", kReloadPatience);
  if (!outcome) return jsonReply(202, {{"reloaded", false}, {"pending", true}});
  if (!outcome->ok()) return problem(409, outcome->error);
  return jsonReply(200, {{"reloaded", true},
                         {"added", outcome->added},
                         {"replaced", outcome->replaced},
                         {"removed", outcome->removed},
                         {"needs_restart", outcome->needs_restart}});
}

std::vector<std::string> App::Parts::notReady() const {
  std::vector<std::string> reasons;
  if (draining) reasons.push_back("draining");
  if (storage_failed) reasons.push_back("storage failed");
  for (std::string& reason : modules.down()) reasons.push_back(std::move(reason));
  return reasons;
}

nlohmann::json App::Parts::status() const {
  nlohmann::json status = modules.status();
  status["routes"] = routesJson(*routes.get());
  const SecretCounts secrets = ingress.secrets();
  status["webhook"] = {{"secrets", secrets.all}, {"secrets_expired", secrets.expired}};
  return status;
}

App::App(const Settings& settings, Signals& signals, const HandedSockets& handed)
    : parts_(std::make_unique<Parts>(settings, signals, handed)) {
  // What waits from before goes first, then the door opens.
  parts_->dispatcher.start();
  if (parts_->admin) parts_->admin->start();
  parts_->ingress.start();
  parts_->watchModules();
  parts_->reloader.start();
}

App::~App() { stop(); }

int App::webhookPort() const { return parts_->ingress.port(); }
int App::adminPort() const { return parts_->admin ? parts_->admin->port() : 0; }
bool App::storageFailed() const { return parts_->storage_failed; }
bool App::hasStuckThreads() const { return modulesLeftBehind() > 0; }
void App::requestReload(const std::string& trigger) { parts_->reloader.request(trigger); }

void App::hurry() { parts_->dispatcher.hurry(); }

// A reload that runs is finished before its parts stop; the drain counts from the beginning.
void App::stop() {
  if (parts_->draining.exchange(true)) return;
  parts_->ingress.drain();
  parts_->dispatcher.requestStop();
  parts_->reloader.stop();
  parts_->watch.reset();
  parts_->dispatcher.stop();
  parts_->ingress.stop();
  parts_->modules.stopAll();
}

namespace {

std::string address(const std::string& host, int port) {
  return "http://" + host + ":" + std::to_string(port);
}

void logStart(const Settings& settings) {
  for (const std::string& variable : settings.variables) logInfo("config", "setting " + variable);
  for (const std::string& warning : settings.warnings) logWarn("config", warning);
  for (const std::string& warning : startWarnings(startFacts(settings, SystemClock().wallNow()))) {
    logWarn("app", warning);
  }
}

const std::string& hostOf(const HandedSocket& handed, const std::string& configured) {
  return handed.fd < 0 ? configured : handed.host;
}

void logReady(const Settings& settings, const HandedSockets& handed, const App& app) {
  const std::string webhook =
      address(hostOf(handed.webhook, settings.listen_host), app.webhookPort()) +
      settings.webhook.path;
  const std::string admin =
      app.adminPort() == 0 ? "off"
                           : address(hostOf(handed.admin, settings.admin_host), app.adminPort());
  logInfo("app", "ready",
          {{"webhook", webhook},
           {"admin", admin},
           {"modules", settings.modules.size()},
           {"version", MODHOST_VERSION}});
}

// Tells the watchdog while it waits, and reloads when told to; the signal's number, 0 for a failed
// storage.
int waitForStop(Signals& signals, App& app) {
  const auto interval = watchdogInterval();
  const auto patience = interval.value_or(std::chrono::hours(1));
  for (;;) {
    const auto signal = signals.waitFor(patience);
    if (signal && *signal != SIGHUP) return *signal;
    if (signal) app.requestReload("SIGHUP");
    if (interval) notifyAlive();
  }
}

// More than a stop takes: the drain, what is on the wire (5 s), the last answers, the modules.
Milliseconds longestStop(const Settings& settings) {
  return settings.dispatch.drain + settings.gate.write_timeout + settings.worker.stop_grace +
         Milliseconds(15'000);
}

// Stops the App; another signal meanwhile means that somebody does not want to wait.
void stopWatched(App& app, Signals& signals) {
  std::atomic<bool> stopped{false};
  Thread second("second-signal", [&] {
    while (!stopped) {
      const auto signal = signals.waitFor(std::chrono::hours(1));
      if (!signal || *signal == 0) continue;  // time is over, a failed storage, or stopped
      if (*signal == SIGHUP) continue;        // there is nothing to reload any more
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
  Signals signals;
  Settings settings = loadSettings(config_file);
  warnOfExpired(settings, SystemClock().wallNow());
  logInit(logSettings(settings));
  const HandedSockets handed = takeHandedSockets(settings);
  App app(settings, signals, handed);
  // Said only now, so that a refusal is one line and nothing else.
  logStart(settings);
  for (const std::string& warning : handedWarnings(handed, settings)) logWarn("app", warning);
  logReady(settings, handed, app);
  notifyReady();
  const int signal = waitForStop(signals, app);
  notifyStopping(longestStop(settings));
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
