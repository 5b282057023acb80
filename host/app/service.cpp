#include "host/app/service.h"

#include <systemd/sd-daemon.h>

#include <cstdint>
#include <string>

namespace modhost::host {

void notifyReady() { sd_notify(0, "READY=1"); }
// The moment says which reload it is; sd_notify(3) wants CLOCK_MONOTONIC, which steady_clock is.
void notifyReloading() {
  using Micros = std::chrono::microseconds;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const auto micros = std::chrono::duration_cast<Micros>(now).count();
  sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(micros)).c_str());
}
void notifyStopping() { sd_notify(0, "STOPPING=1"); }
void notifyAlive() { sd_notify(0, "WATCHDOG=1"); }

std::optional<std::chrono::milliseconds> watchdogInterval() {
  std::uint64_t micros = 0;
  if (sd_watchdog_enabled(0, &micros) <= 0) return std::nullopt;
  return std::chrono::milliseconds(micros / 2000);
}

}  // namespace modhost::host
