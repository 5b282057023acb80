#include "host/app/service.h"

#include <systemd/sd-daemon.h>

#include <cstdint>

namespace modhost::host {

void notifyReady() { sd_notify(0, "READY=1"); }
void notifyStopping() { sd_notify(0, "STOPPING=1"); }
void notifyAlive() { sd_notify(0, "WATCHDOG=1"); }

std::optional<std::chrono::milliseconds> watchdogInterval() {
  std::uint64_t micros = 0;
  if (sd_watchdog_enabled(0, &micros) <= 0) return std::nullopt;
  return std::chrono::milliseconds(micros / 2000);
}

}  // namespace modhost::host
