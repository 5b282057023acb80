// LoaderThread: the one thread on which a module is created, started, stopped and destroyed. Any of
// these may hang, so whoever wants one done waits for it here, and not for ever.
#pragma once

#include <functional>
#include <string>

#include "host/base/clock.h"
#include "host/base/mutex.h"
#include "host/base/thread.h"

namespace modhost::host {

// What a module had for these calls on a main thread is not needed by many, but by some.
inline constexpr std::size_t kLoaderStack = 4u << 20;

// Threads: begin(), run() and end() from one at a time.
class LoaderThread {
 public:
  explicit LoaderThread(Clock& clock) : clock_(clock) {}
  ~LoaderThread() { end(); }

  // `thread_begin` runs first on it; may be empty. Throws std::system_error: no thread is left.
  void begin(const std::string& name, std::function<void()> thread_begin);

  // Runs `work` on it. False: that has not returned by `until`. It may still run, so what it uses
  // and this object must live for ever.
  bool run(std::function<void()> work, SteadyTime until) EXCLUDES(mutex_);

  // Joins; what thread_local objects the module had on it are gone then, too.
  void end() EXCLUDES(mutex_);

 private:
  void work() EXCLUDES(mutex_);

  Clock& clock_;
  Mutex mutex_;
  CondVar changed_;
  std::function<void()> work_ GUARDED_BY(mutex_);  // empty: nothing to do
  bool running_ GUARDED_BY(mutex_) = false;
  bool ending_ GUARDED_BY(mutex_) = false;
  Thread thread_;
};

}  // namespace modhost::host
