// ProcessMetrics: what the host's process uses, under the names that dashboards for any process
// know.
#pragma once

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/base/mutex.h"

namespace modhost::host {

// Threads: any.
class ProcessMetrics {
 public:
  // The process counts as started now.
  ProcessMetrics(Metrics& metrics, const Clock& clock);

  // Looks again; what cannot be read keeps its value.
  void refresh() EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  Counter cpu_seconds_ GUARDED_BY(mutex_);
  double cpu_shown_ GUARDED_BY(mutex_) = 0;
  Gauge resident_bytes_, virtual_bytes_, open_fds_, max_fds_;
};

}  // namespace modhost::host
