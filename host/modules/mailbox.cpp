#include "host/modules/mailbox.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace modhost::host {

Mailbox::Mailbox() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_.valid()) throw std::system_error(errno, std::generic_category(), "eventfd");
}

bool Mailbox::post(Task task) {
  MutexLock lock(mutex_);
  if (closed_) return false;
  tasks_.push_back(std::move(task));
  const std::uint64_t one = 1;
  // It can only fail when the counter is full, and then it is readable already.
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof(one));
  return true;
}

std::vector<Mailbox::Task> Mailbox::take() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t read = ::read(event_.get(), &count, sizeof(count));
  MutexLock lock(mutex_);
  return std::exchange(tasks_, {});
}

std::vector<Mailbox::Task> Mailbox::close() {
  MutexLock lock(mutex_);
  closed_ = true;
  return std::exchange(tasks_, {});
}

}  // namespace modhost::host
