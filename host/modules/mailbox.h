// Mailbox: closures for one thread that sleeps in poll(). Others may hold it longer than its reader
// lives.
#pragma once

#include <functional>
#include <vector>

#include "host/base/fd.h"
#include "host/base/mutex.h"

namespace modhost::host {

// Threads: post() any; the rest the reader's.
class Mailbox {
 public:
  using Task = std::function<void()>;

  // Throws std::system_error when no file descriptor is left.
  Mailbox();

  // False: closed, the task was dropped and will not run.
  bool post(Task task) EXCLUDES(mutex_);

  // Readable while tasks wait.
  int fd() const { return event_.get(); }
  std::vector<Task> take() EXCLUDES(mutex_);
  // From now on post() says false; gives what still waited.
  std::vector<Task> close() EXCLUDES(mutex_);

 private:
  const Fd event_;
  Mutex mutex_;
  std::vector<Task> tasks_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace modhost::host
