// The service manager's side: readiness, stopping, the watchdog and the sockets of systemd
// (Type=notify, socket activation). Without a service manager every call does nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "host/config/settings.h"

namespace modhost::host {

// A listening TCP socket that the service manager opened, and keeps: whoever connects while no host
// runs waits for the next. Its owner is who takes it out of here.
struct HandedSocket {
  int fd = -1;       // -1: none was handed over
  std::string host;  // it listens on, as it stands in a URL
};
struct HandedSockets {
  HandedSocket webhook;
  HandedSocket admin;
};

// Takes over what LISTEN_FDS announces, by the names "webhook" and "admin" (FileDescriptorName=), and
// takes the announcement out of the environment. Throws StartupError for a socket that nobody here
// would serve, is no listening TCP socket, or opens the admin port to others without a token.
HandedSockets takeHandedSockets(const Settings& settings);

// What an operator will hardly mean by them, a sentence each.
std::vector<std::string> handedWarnings(const HandedSockets& sockets, const Settings& settings);

void notifyReady();
// A configuration is being taken over; notifyReady() follows, whatever came of it.
void notifyReloading();
// `longest`: how long the stop may take; the service manager waits at least that, even when its own
// limit (TimeoutStopSec=) is shorter.
void notifyStopping(std::chrono::milliseconds longest);
// How often aliveness must be told, when the unit has WatchdogSec=: half of it. nullopt: no
// watchdog.
std::optional<std::chrono::milliseconds> watchdogInterval();
void notifyAlive();

}  // namespace modhost::host
