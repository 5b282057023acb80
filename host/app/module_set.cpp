#include "host/app/module_set.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "host/app/lanes.h"
#include "host/app/wiring.h"
#include "host/base/log.h"
#include "host/base/startup_error.h"
#include "host/base/thread.h"
#include "host/base/time_text.h"
#include "host/modules/in_process_runner.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;

// A module's static destructors may run on it.
constexpr std::size_t kStopStack = 1u << 20;

std::unique_ptr<ModuleRunner> orThrow(Result<std::unique_ptr<ModuleRunner>> runner) {
  if (!runner.ok()) throw StartupError("", runner.error().message);
  return runner.take();
}

bool names(const std::vector<Settings::Module>& modules, const std::string& id) {
  return std::any_of(modules.begin(), modules.end(),
                     [&](const Settings::Module& module) { return module.id == id; });
}

// Empty: it can take events.
std::string whyDown(const Generation& generation) {
  const ModuleRunner& runner = generation.runner();
  const RunnerHealth health = runner.health();
  if (!health.up) {
    return "no worker is ready" +
           (health.last_death ? "; the last one: " + health.last_death->how : std::string());
  }
  const bool all_stuck =
      generation.inProcess() && runner.stuck() >= runner.description().concurrency_max;
  return all_stuck ? "all its threads are stuck" : "";
}

Json shown(const Generation& generation, const char* state) {
  const ModuleRunner& runner = generation.runner();
  const RunnerHealth health = runner.health();
  Json death;
  if (health.last_death) {
    death = {{"at", isoTime(health.last_death->at)},
             {"how", health.last_death->how},
             {"events", health.last_death->events}};
  }
  return {{"id", generation.module().id},
          {"version", runner.description().version},
          {"generation", generation.number()},
          {"isolation", generation.module().isolation},
          {"answers", generation.module().answers},
          {"state", state},
          {"up", whyDown(generation).empty()},
          {"running", generation.running()},
          {"concurrency", runner.concurrency()},
          {"stuck", runner.stuck()},
          {"workers", health.workers},
          {"restarts", health.restarts},
          {"last_death", death}};
}

const char* endWord(bool still_mapped) { return still_mapped ? "still mapped" : "unloaded"; }

// Where a trial run of the module can do no harm. What it does not allow is left for makeRunner to
// refuse.
Isolation trialIsolation(const ModuleSettings& module, const RunnerSettings& runner_settings,
                         Clock& clock) {
  const auto description = inspectModule(module.path, module.sha256, runner_settings, clock);
  const bool both = description.ok() && description.value().worker_allowed &&
                    description.value().in_process_allowed;
  return both ? Isolation::kWorker : module.isolation;
}

}  // namespace

ModuleSet::ModuleSet(Metrics& metrics, Clock& clock, std::function<void()> released)
    : metrics_(metrics),
      clock_(clock),
      released_(std::move(released)),
      draining_gauge_(metrics.gauge("modhost_generations_draining",
                                    "Replaced or removed generations that still have attempts.")),
      still_mapped_gauge_(metrics.gauge(
          "modhost_generations_still_mapped",
          "Replaced or removed generations whose code stays in this process until it ends.")) {}

ModuleSet::~ModuleSet() { stopAll(); }

// --- a new configuration ---

NextModules ModuleSet::prepare(const Settings& settings) {
  NextModules next;
  try {
    for (const Settings::Module& module : settings.modules) prepareOne(settings, module, next);
    addRemoved(settings, next);
  } catch (...) {
    giveUp(next);
    throw;
  }
  return next;
}

void ModuleSet::prepareOne(const Settings& settings, const Settings::Module& module,
                           NextModules& next) {
  Result<ModuleCopy> copy = copyModule(moduleSettings(module), runnerSettings(settings));
  if (!copy.ok()) throw StartupError("", copy.error().message);
  const Serving now = serving(module.id);
  const bool is_new = now.generation == nullptr;
  const bool same = !is_new && now.generation->isSame(settings, module, copy.value().digest());
  next.serving.push_back(same ? now : start(settings, module, copy.take()));
  next.lanes.push_back(makeLane(module, next.serving.back().lease));
  if (!same) (is_new ? next.added : next.replaced).push_back(module.id);
}

Serving ModuleSet::start(const Settings& settings, const Settings::Module& module,
                         ModuleCopy copy) {
  checkRoom(settings, module);
  const std::string path = copy.path();
  const std::string digest = copy.digest();
  auto runner = orThrow(makeRunner(moduleSettings(module), std::move(copy),
                                   runnerSettings(settings), metrics_, clock_));
  MutexLock lock(mutex_);
  auto generation = std::make_shared<Generation>(++last_number_[module.id], settings, module, path,
                                                 digest, std::move(runner));
  return {generation, std::make_shared<Lease>(generation, released_)};
}

void ModuleSet::checkRoom(const Settings& settings, const Settings::Module& module) const {
  MutexLock lock(mutex_);
  const auto draining = std::count_if(
      draining_.begin(), draining_.end(),
      [&](const GenerationPtr& generation) { return generation->module().id == module.id; });
  if (draining >= kDrainingMax) {
    throw StartupError(module.where, "module " + module.id + ": " + std::to_string(draining) +
                                         " of its generations still have attempts; accepted: a "
                                         "reload once one of them has ended");
  }
  const std::size_t mapped = stillMapped() + modulesNeverStarted();
  if (module.isolation == "in_process" &&
      mapped >= static_cast<std::size_t>(settings.still_mapped_max)) {
    throw StartupError(module.where, "module " + module.id + ": the code of " +
                                         std::to_string(mapped) +
                                         " older generations or failed starts is "
                                         "still mapped, which is "
                                         "still_mapped_max; accepted: a restart");
  }
}

void ModuleSet::addRemoved(const Settings& settings, NextModules& next) const {
  MutexLock lock(mutex_);
  for (const Serving& now : serving_) {
    const Settings::Module& module = now.generation->module();
    if (names(settings.modules, module.id)) continue;
    next.removed.push_back(module.id);
    next.removed_lanes.push_back(makeLane(module, now.lease));
  }
}

// Started for a configuration that will not serve: they go the way of all that drain.
void ModuleSet::giveUp(const NextModules& next) {
  MutexLock lock(mutex_);
  for (const Serving& started : next.serving) {
    const bool serves = std::any_of(serving_.begin(), serving_.end(), [&](const Serving& now) {
      return now.generation == started.generation;
    });
    if (!serves) draining_.push_back(started.generation);
  }
  showCounts();
}

void ModuleSet::commit(NextModules next) {
  std::vector<Serving> before;  // their leases go without the mutex
  next.lanes.clear();
  next.removed_lanes.clear();
  MutexLock lock(mutex_);
  before = std::exchange(serving_, std::move(next.serving));
  for (const Serving& old : before) {
    const bool kept = std::any_of(serving_.begin(), serving_.end(), [&](const Serving& now) {
      return now.generation == old.generation;
    });
    if (!kept) draining_.push_back(old.generation);
  }
  showCounts();
}

Serving ModuleSet::serving(const std::string& id) const {
  MutexLock lock(mutex_);
  for (const Serving& now : serving_) {
    if (now.generation->module().id == id) return now;
  }
  return {};
}

// --- the end of a generation ---

void ModuleSet::sweep() {
  for (auto ready = released(); !ready.empty(); ready = released()) {
    stop(ready);
    for (const GenerationPtr& generation : ready) {
      logInfo("app", "generation ended",
              {{"module", generation->module().id},
               {"version", generation->runner().description().version},
               {"generation", generation->number()},
               {"state", endWord(generation->runner().stillMapped())}});
    }
  }
}

std::vector<ModuleSet::GenerationPtr> ModuleSet::released() const {
  MutexLock lock(mutex_);
  std::vector<GenerationPtr> released;
  std::copy_if(draining_.begin(), draining_.end(), std::back_inserter(released),
               [](const GenerationPtr& generation) { return generation->released(); });
  return released;
}

// Each on a thread of its own, so that together they take what the slowest takes.
void ModuleSet::stop(const std::vector<GenerationPtr>& generations) {
  std::vector<Thread> stopping;
  for (const GenerationPtr& generation : generations) {
    const auto stop_it = [this, generation] { stopOne(generation); };
    try {
      stopping.emplace_back("stop", stop_it, kStopStack);
    } catch (const std::system_error&) {
      stop_it();
    }
  }
}

void ModuleSet::stopOne(const GenerationPtr& generation) {
  generation->runner().stop(generation->stopGrace());
  MutexLock lock(mutex_);
  draining_.erase(std::remove(draining_.begin(), draining_.end(), generation), draining_.end());
  remember(*generation);
  showCounts();
}

void ModuleSet::stopAll() {
  std::vector<Serving> serving;
  std::vector<GenerationPtr> all;
  {
    MutexLock lock(mutex_);
    serving.swap(serving_);
    all = draining_;
  }
  for (const Serving& now : serving) all.push_back(now.generation);
  stop(all);
}

void ModuleSet::remember(const Generation& generation) {
  const ModuleRunner& runner = generation.runner();
  ended_.push_back({generation.module().id, runner.description().version, generation.number(),
                    generation.inProcess(), runner.stillMapped(), runner.stuck()});
  const std::size_t unloaded = ended_.size() - stillMapped();
  if (unloaded <= kUnloadedShown) return;
  ended_.erase(std::find_if(ended_.begin(), ended_.end(),
                            [](const Ended& ended) { return !ended.still_mapped; }));
}

std::size_t ModuleSet::stillMapped() const {
  return static_cast<std::size_t>(std::count_if(
      ended_.begin(), ended_.end(), [](const Ended& ended) { return ended.still_mapped; }));
}

void ModuleSet::showCounts() {
  draining_gauge_.set(static_cast<double>(draining_.size()));
  still_mapped_gauge_.set(static_cast<double>(stillMapped()));
}

// --- what others ask ---

std::vector<AdminModule> ModuleSet::serving() const {
  MutexLock lock(mutex_);
  std::vector<AdminModule> modules;
  for (const Serving& now : serving_) {
    modules.push_back({now.generation->module().id, now.generation->module().answers});
  }
  return modules;
}

std::vector<std::string> ModuleSet::down() const {
  MutexLock lock(mutex_);
  std::vector<std::string> reasons;
  for (const Serving& now : serving_) {
    const std::string why = whyDown(*now.generation);
    if (!why.empty()) reasons.push_back("module " + now.generation->module().id + ": " + why);
  }
  return reasons;
}

Json ModuleSet::status() const {
  MutexLock lock(mutex_);
  Json modules = Json::array();
  for (const Serving& now : serving_) modules.push_back(shown(*now.generation, "serving"));
  Json generations = Json::array();
  for (const GenerationPtr& old : draining_) generations.push_back(shown(*old, "draining"));
  for (const Ended& ended : ended_) {
    generations.push_back({{"id", ended.id},
                           {"version", ended.version},
                           {"generation", ended.number},
                           {"isolation", ended.in_process ? "in_process" : "worker"},
                           {"state", endWord(ended.still_mapped)},
                           {"running", 0},
                           {"stuck", ended.stuck}});
  }
  return {{"modules", std::move(modules)}, {"generations", std::move(generations)}};
}

void checkModules(const Settings& settings) {
  SystemClock clock;
  Metrics metrics;
  const RunnerSettings runner_settings = runnerSettings(settings);
  for (const Settings::Module& configured : settings.modules) {
    ModuleSettings module = moduleSettings(configured);
    module.isolation = trialIsolation(module, runner_settings, clock);
    const bool worker = module.isolation == Isolation::kWorker;
    orThrow(makeRunner(module, runner_settings, metrics, clock))
        ->stop(worker ? settings.worker.stop_grace : kInProcessStopGrace);
  }
}

}  // namespace modhost::host
