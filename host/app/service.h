// The service manager's side: readiness, stopping and the watchdog of systemd (Type=notify).
// Without a service manager every call does nothing.
#pragma once

#include <chrono>
#include <optional>

namespace modhost::host {

void notifyReady();
// A configuration is being taken over; notifyReady() follows, whatever came of it.
void notifyReloading();
void notifyStopping();
// How often aliveness must be told, when the unit has WatchdogSec=: half of it. nullopt: no
// watchdog.
std::optional<std::chrono::milliseconds> watchdogInterval();
void notifyAlive();

}  // namespace modhost::host
