// Thread: a member with a name, a bounded stack and a join. There are no detached threads in this
// project.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace modhost::host {

// A waiting call costs one of these, so 2,000 of them must fit a small address space.
inline constexpr std::size_t kThreadStackDefault = 256 * 1024;

// What happens on busy cores when a thread has something to do again.
enum class Waking {
  kInterrupts = 1,  // it takes the core of who runs, as the system sees fit
  // It waits until who runs has to wait or has had its turn (SCHED_BATCH): for work nobody needs within
  // microseconds, so that one who wakes many gets on. Where the system refuses that, as kInterrupts.
  // Threads and processes that it starts are like it: a worker and all its threads, for one.
  kYields,
};

class Thread {
 public:
  Thread() = default;
  // Starts `body`. `name` is what top and gdb show (Linux keeps 15 bytes of it). All signals are
  // blocked in it: main() waits for them. Throws std::system_error when the system has no thread
  // left.
  Thread(const std::string& name, std::function<void()> body,
         std::size_t stack = kThreadStackDefault, Waking waking = Waking::kInterrupts);
  // Joins; telling `body` to end is the owner's task.
  ~Thread() { join(); }
  Thread(Thread&& other) noexcept;
  Thread& operator=(Thread&& other) noexcept;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  bool running() const { return running_; }
  void join();

 private:
  pthread_t thread_{};
  bool running_ = false;
};

}  // namespace modhost::host
