// WriteProbe: asks an inbox's writer whether it still commits, without letting a stalled disk take
// the threads that ask. One write that changes nothing is on its way at a time, and all who ask
// meanwhile wait for that one.
#pragma once

#include <cstdint>
#include <memory>

#include "host/base/clock.h"
#include "host/base/mutex.h"
#include "host/base/result.h"
#include "host/inbox/inbox.h"

namespace modhost::host {

// From the write's start, for all who wait for it: once it is over, whoever asks is told at once,
// until the writer answers. No longer than an orchestrator waits by default.
inline constexpr Milliseconds kWriteProbeWait{1'000};

// Threads: ask() from any thread at once. Owned by a shared_ptr: the inbox may answer when whoever
// asked has gone.
class WriteProbe : public std::enable_shared_from_this<WriteProbe> {
 public:
  // Ok after a commit; kTimeout when there was none within kWriteProbeWait; else the inbox's error.
  Result<void> ask(Clock& clock, Inbox& inbox);

 private:
  bool join(Clock& clock, std::uint64_t& ended_before);
  void end(const Result<void>& outcome);

  Mutex mutex_;
  CondVar ended_changed_;
  bool on_its_way_ GUARDED_BY(mutex_) = false;
  SteadyTime give_up_ GUARDED_BY(mutex_){};  // of the write on its way
  std::uint64_t ended_ GUARDED_BY(mutex_) = 0;
  Result<void> latest_ GUARDED_BY(mutex_);
};

}  // namespace modhost::host
