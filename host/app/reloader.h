// Reloader: the thread on which a new configuration is tried and old generations are stopped, so
// that nobody who serves has to wait for a module. One reload at a time; whoever asks while one runs
// gets the next, together with all others who asked meanwhile, as the running one may have read the
// files before they changed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/mutex.h"
#include "host/base/thread.h"

namespace modhost::host {

struct ReloadOutcome {
  std::string error;  // why everything stays as it was: one line; empty: the new serves
  std::vector<std::string> added, replaced, removed;  // modules
  std::vector<std::string> needs_restart;             // keys whose new value waits for one

  bool ok() const { return error.empty(); }
};

// How many may wait for an outcome at once; they hold a thread of the admin server each.
inline constexpr int kReloadWaitersMax = 2;

// Threads: every method from any, stop() not from the work.
class Reloader {
 public:
  // What the thread does. Both may block, and neither throws.
  struct Work {
    // `trigger`: what asked, for the log: "SIGHUP", "SIGHUP, modules_dir".
    std::function<ReloadOutcome(const std::string& trigger)> reload;
    std::function<void()> sweep;
  };

  Reloader(Clock& clock, Work work);
  ~Reloader();  // stop()

  // Before it nothing is done, though it may be asked for.
  void start();

  // Asks for a reload and returns.
  void request(const std::string& trigger);

  // Asks for a reload and waits. nullopt: not over within `patience`, or too many wait already; it
  // goes on all the same.
  std::optional<ReloadOutcome> reload(const std::string& trigger, Milliseconds patience);

  // Asks for a sweep and returns.
  void requestSweep();

  // Finishes what is being done; what was only asked for is not done, and its outcome says so.
  void stop();

 private:
  struct Run {
    std::string trigger;
    std::optional<ReloadOutcome> outcome;
  };
  using RunPtr = std::shared_ptr<Run>;

  RunPtr join(const std::string& trigger) REQUIRES(mutex_);
  void finish(Run& run, ReloadOutcome outcome) REQUIRES(mutex_);
  void work() EXCLUDES(mutex_);
  bool workOnce() EXCLUDES(mutex_);

  Clock& clock_;
  const Work work_;

  Mutex mutex_;
  CondVar changed_;
  RunPtr next_ GUARDED_BY(mutex_);  // asked for and not begun; null: none
  bool sweep_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  int waiters_ GUARDED_BY(mutex_) = 0;
  Thread thread_;
};

}  // namespace modhost::host
