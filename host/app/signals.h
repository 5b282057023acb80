// Signals: SIGTERM, SIGINT and SIGHUP as something one can wait for. Made before the first thread, so
// that every thread inherits the mask and only waitFor() ever sees them.
#pragma once

#include <chrono>
#include <optional>

#include "host/base/fd.h"

namespace modhost::host {

class Signals {
 public:
  // Blocks the three in the calling thread, ignores SIGPIPE and SIGXFSZ. Throws std::system_error.
  Signals();

  // Ends waitFor() from any thread, as if a signal had come.
  void wake();

  // Waits for a signal, for wake() or until `patience` is over. The signal's number; 0 for wake();
  // nullopt when the time is over.
  std::optional<int> waitFor(std::chrono::milliseconds patience);

 private:
  Fd signals_;
  Fd wake_;
};

}  // namespace modhost::host
