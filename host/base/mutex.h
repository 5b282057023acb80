// Mutex, MutexLock and CondVar: std::mutex with clang's thread-safety annotations, which
// libstdc++'s own has not. Data members say GUARDED_BY(mutex_), and clang proves it
// (-Wthread-safety).
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define MODHOST_TS(x) __attribute__((x))
#else
#define MODHOST_TS(x)
#endif
#define CAPABILITY(x) MODHOST_TS(capability(x))
#define SCOPED_CAPABILITY MODHOST_TS(scoped_lockable)
#define GUARDED_BY(x) MODHOST_TS(guarded_by(x))
#define REQUIRES(...) MODHOST_TS(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) MODHOST_TS(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) MODHOST_TS(acquire_capability(__VA_ARGS__))
#define RELEASE(...) MODHOST_TS(release_capability(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS MODHOST_TS(no_thread_safety_analysis)

namespace modhost::host {

class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits with the Mutex itself, so that the caller's `while (!condition) changed_.wait(mutex_);`
// stays under the eyes of the analysis. Spurious wake-ups happen; always wait in a loop.
class CondVar {
 public:
  void wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  void waitUntil(Mutex& mutex, std::chrono::steady_clock::time_point deadline) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait_until(lock, deadline);
    lock.release();
  }
  void notifyOne() { condition_.notify_one(); }
  void notifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace modhost::host
