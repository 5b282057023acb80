#include "host/app/service.h"

#include <netdb.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "host/base/loopback.h"
#include "host/base/startup_error.h"

namespace modhost::host {
namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& what) {
  throw StartupError("", "the socket \"" + name + "\" that the service manager hands over " + what);
}

// The names of the sockets that were handed over; the first is SD_LISTEN_FDS_START.
std::vector<std::string> handedNames() {
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(1, &names);
  std::vector<std::string> copied;
  for (int i = 0; i < count; ++i) {
    copied.emplace_back(names[i]);
    std::free(names[i]);
  }
  std::free(names);
  return copied;
}

// Of a socket of the internet's families; IPv6 in brackets.
std::string hostOf(int fd) {
  sockaddr_storage address{};
  socklen_t bytes = sizeof address;
  char host[NI_MAXHOST] = "";
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::getsockname(fd, generic, &bytes) != 0) return "";
  ::getnameinfo(generic, bytes, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  return address.ss_family == AF_INET6 ? "[" + std::string(host) + "]" : host;
}

void take(HandedSocket& place, int fd, const std::string& name) {
  if (place.fd >= 0) refuse(name, "comes twice; accepted: one ListenStream= of that name");
  if (sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, 0) <= 0) {
    refuse(name, "is no listening TCP socket; accepted: ListenStream= with a port, and no Accept=");
  }
  place = {fd, hostOf(fd)};
}

void checkAdmin(const HandedSocket& admin, const Settings& settings) {
  if (admin.fd < 0) return;
  if (!settings.admin_enabled) refuse("admin", "has nobody to serve it, as admin is off");
  if (isLoopbackHost(admin.host) || !settings.admin_token.empty()) return;
  refuse("admin",
         "can be reached by others (" + admin.host +
             "), and there is no admin_token; accepted: a loopback address in ListenStream=, "
             "or an admin_token");
}

}  // namespace

HandedSockets takeHandedSockets(const Settings& settings) {
  HandedSockets sockets;
  int fd = SD_LISTEN_FDS_START;
  for (const std::string& name : handedNames()) {
    if (name != "webhook" && name != "admin") {
      refuse(name, "is none modhost knows; accepted: FileDescriptorName=webhook, or admin");
    }
    take(name == "admin" ? sockets.admin : sockets.webhook, fd++, name);
  }
  checkAdmin(sockets.admin, settings);
  return sockets;
}

std::vector<std::string> handedWarnings(const HandedSockets& sockets, const Settings& settings) {
  const HandedSocket& webhook = sockets.webhook;
  const bool opened =
      webhook.fd >= 0 && isLoopbackHost(settings.listen_host) && !isLoopbackHost(webhook.host);
  if (!opened) return {};
  return {
      "listen is " + settings.listen_host +
      ", which is not used: the socket that the service manager hands over is open to others (" +
      webhook.host + "); meant: ListenStream=127.0.0.1:PORT there too"};
}

void notifyReady() { sd_notify(0, "READY=1"); }
// The moment says which reload it is; sd_notify(3) wants CLOCK_MONOTONIC, which steady_clock is.
void notifyReloading() {
  using Micros = std::chrono::microseconds;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const auto micros = std::chrono::duration_cast<Micros>(now).count();
  sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(micros)).c_str());
}
void notifyStopping(std::chrono::milliseconds longest) {
  const std::string micros = std::to_string(longest.count() * 1000);
  sd_notify(0, ("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + micros).c_str());
}
void notifyAlive() { sd_notify(0, "WATCHDOG=1"); }

std::optional<std::chrono::milliseconds> watchdogInterval() {
  std::uint64_t micros = 0;
  if (sd_watchdog_enabled(0, &micros) <= 0) return std::nullopt;
  return std::chrono::milliseconds(micros / 2000);
}

}  // namespace modhost::host
