// ModuleSet: every module that runs, by generation: those that serve, those that were replaced or
// removed and still have attempts, and what became of the ones before.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "host/admin/event_routes.h"
#include "host/app/generation.h"
#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/base/mutex.h"
#include "host/config/settings.h"
#include "host/dispatch/dispatcher.h"
#include "host/modules/runner_factory.h"

namespace modhost::host {

// Generations of one module that may drain at once; a reload that would make it more is refused.
inline constexpr int kDrainingMax = 8;
// Unloaded generations that the status remembers.
inline constexpr std::size_t kUnloadedShown = 20;

// One module that serves, or is about to.
struct Serving {
  std::shared_ptr<Generation> generation;
  std::shared_ptr<Lease> lease;
};

// What a configuration makes of the modules: all started, none with an attempt yet.
struct NextModules {
  std::vector<Serving> serving;     // in the order of the file
  std::vector<Lane> lanes;          // theirs
  std::vector<Lane> removed_lanes;  // of the modules that serve and are no longer configured
  std::vector<std::string> added, replaced, removed;  // ids
};

// Threads: prepare(), commit(), sweep() and stopAll() from one at a time; the others from any.
class ModuleSet {
 public:
  // `released` runs when a generation has become ready for sweep(), on any thread; it must not block
  // and may come until every Lease is gone.
  ModuleSet(Metrics& metrics, Clock& clock, std::function<void()> released);
  // stopAll(), if it was not called.
  ~ModuleSet();

  // Starts what `settings` has new or changed, beside what serves; the others are taken over. Blocks
  // until all are ready. Throws StartupError naming the place in the configuration or the module's
  // path; what was started by then is stopped again, and what serves is untouched.
  NextModules prepare(const Settings& settings) EXCLUDES(mutex_);

  // `next` serves from now on; what it left out drains. After dispatch and the routes know of it.
  void commit(NextModules next) EXCLUDES(mutex_);

  // Stops, all at once, the generations that have become ready for it, and says of each whether its
  // code is unloaded. Blocks for the largest grace of them at most.
  void sweep() EXCLUDES(mutex_);

  // The same with every generation, whoever still holds it. After dispatch has stopped.
  void stopAll() EXCLUDES(mutex_);

  std::vector<AdminModule> serving() const EXCLUDES(mutex_);

  // Of those that serve and cannot take an event now, which and why, in words.
  std::vector<std::string> down() const EXCLUDES(mutex_);

  // {"modules": [those that serve], "generations": [draining ones, then ended ones, oldest first]}
  nlohmann::json status() const EXCLUDES(mutex_);

 private:
  using GenerationPtr = std::shared_ptr<Generation>;

  // What is remembered of one that was stopped.
  struct Ended {
    std::string id, version;
    int number = 0;
    bool in_process = false, still_mapped = false;
    int stuck = 0;
  };

  void prepareOne(const Settings& settings, const Settings::Module& module, NextModules& next)
      EXCLUDES(mutex_);
  Serving start(const Settings& settings, const Settings::Module& module, ModuleCopy copy)
      EXCLUDES(mutex_);
  void checkRoom(const Settings& settings, const Settings::Module& module) const EXCLUDES(mutex_);
  void addRemoved(const Settings& settings, NextModules& next) const EXCLUDES(mutex_);
  void giveUp(const NextModules& next) EXCLUDES(mutex_);
  Serving serving(const std::string& id) const EXCLUDES(mutex_);
  std::vector<GenerationPtr> released() const EXCLUDES(mutex_);
  void stop(const std::vector<GenerationPtr>& generations) EXCLUDES(mutex_);
  void stopOne(const GenerationPtr& generation) EXCLUDES(mutex_);
  void remember(const Generation& generation) REQUIRES(mutex_);
  std::size_t stillMapped() const REQUIRES(mutex_);
  void showCounts() REQUIRES(mutex_);

  // Constant after construction.
  Metrics& metrics_;
  Clock& clock_;
  const std::function<void()> released_;

  mutable Mutex mutex_;
  std::vector<Serving> serving_ GUARDED_BY(mutex_);
  std::vector<GenerationPtr> draining_ GUARDED_BY(mutex_);
  std::deque<Ended> ended_ GUARDED_BY(mutex_);
  std::map<std::string, int> last_number_ GUARDED_BY(mutex_);
  Gauge draining_gauge_ GUARDED_BY(mutex_);
  Gauge still_mapped_gauge_ GUARDED_BY(mutex_);
};

// Starts each module for a moment and stops it again; in a worker process where it allows that, so
// that nothing it does can reach the caller. Throws as ModuleSet::prepare().
void checkModules(const Settings& settings);

}  // namespace modhost::host
