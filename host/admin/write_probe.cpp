#include "host/admin/write_probe.h"

#include <utility>

namespace modhost::host {

Result<void> WriteProbe::ask(Clock& clock, Inbox& inbox) {
  std::uint64_t ended_before = 0;
  if (join(clock, ended_before)) {
    inbox.record({}, [self = shared_from_this()](Result<void> outcome) { self->end(outcome); });
  }
  MutexLock lock(mutex_);
  while (ended_ == ended_before && clock.steadyNow() < give_up_) {
    clock.waitUntil(ended_changed_, mutex_, give_up_);
  }
  if (ended_ == ended_before) return Error{ErrorKind::kTimeout, "the inbox does not answer"};
  return latest_;
}

// True when the caller is to write.
bool WriteProbe::join(Clock& clock, std::uint64_t& ended_before) {
  MutexLock lock(mutex_);
  ended_before = ended_;
  if (std::exchange(on_its_way_, true)) return false;
  give_up_ = clock.steadyNow() + kWriteProbeWait;
  return true;
}

void WriteProbe::end(const Result<void>& outcome) {
  MutexLock lock(mutex_);
  on_its_way_ = false;
  ++ended_;
  latest_ = outcome;
  ended_changed_.notifyAll();
}

}  // namespace modhost::host
