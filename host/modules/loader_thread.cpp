#include "host/modules/loader_thread.h"

#include <utility>

namespace modhost::host {

void LoaderThread::begin(const std::string& name, std::function<void()> thread_begin) {
  thread_ = Thread(
      name,
      [this, thread_begin = std::move(thread_begin)] {
        if (thread_begin) thread_begin();
        work();
      },
      kLoaderStack);
}

bool LoaderThread::run(std::function<void()> work, SteadyTime until) {
  MutexLock lock(mutex_);
  work_ = std::move(work);
  running_ = true;
  changed_.notifyAll();
  while (running_) {
    if (clock_.steadyNow() >= until) return false;
    clock_.waitUntil(changed_, mutex_, until);
  }
  return true;
}

void LoaderThread::end() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
    changed_.notifyAll();
  }
  thread_.join();
}

void LoaderThread::work() {
  for (;;) {
    std::function<void()> work;
    {
      MutexLock lock(mutex_);
      while (!work_ && !ending_) changed_.wait(mutex_);
      if (!work_) return;
      work = std::exchange(work_, nullptr);
    }
    work();
    MutexLock lock(mutex_);
    running_ = false;
    changed_.notifyAll();
  }
}

}  // namespace modhost::host
