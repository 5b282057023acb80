#include "host/app/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "host/app/process.h"

namespace modhost::host {
namespace {

double secondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double cpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return secondsOf(usage.ru_utime) + secondsOf(usage.ru_stime);
}

// One is that of the look itself.
double openFiles() {
  std::error_code failed;
  const std::filesystem::directory_iterator files("/proc/self/fd", failed);
  return failed ? 0 : static_cast<double>(std::distance(begin(files), end(files)) - 1);
}

}  // namespace

ProcessMetrics::ProcessMetrics(Metrics& metrics, const Clock& clock)
    : cpu_seconds_(metrics.counter("process_cpu_seconds_total",
                                   "CPU time of the host, user and system, workers not included.")),
      resident_bytes_(
          metrics.gauge("process_resident_memory_bytes", "Memory of the host that is in RAM.")),
      virtual_bytes_(metrics.gauge("process_virtual_memory_bytes", "Address space of the host.")),
      open_fds_(metrics.gauge("process_open_fds", "Files and sockets the host has open.")),
      max_fds_(metrics.gauge("process_max_fds", "Files and sockets the host may have open.")) {
  using Seconds = std::chrono::duration<double>;
  metrics.gauge("process_start_time_seconds", "When the host started, in Unix time.")
      .set(Seconds(clock.wallNow().time_since_epoch()).count());
  metrics
      .gauge("modhost_build_info", "1; the label names the host's version.",
             {{"version", MODHOST_VERSION}})
      .set(1);
  max_fds_.set(static_cast<double>(fileLimit()));
  refresh();
}

void ProcessMetrics::refresh() {
  const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  double pages = 0, resident = 0;
  std::ifstream statm("/proc/self/statm");
  if (statm >> pages >> resident) {
    virtual_bytes_.set(pages * page);
    resident_bytes_.set(resident * page);
  }
  open_fds_.set(openFiles());
  MutexLock lock(mutex_);
  const double cpu = std::max(cpuSeconds(), cpu_shown_);
  cpu_seconds_.add(cpu - std::exchange(cpu_shown_, cpu));
}

}  // namespace modhost::host
