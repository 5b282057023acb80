// Server: the sandbox on its port (Poco). Turns sockets into Request and Response, and adds what a
// real network adds: latency and the faults one has asked for.
//
// A sandbox on loopback answers only who calls it by a loopback name: a page on the internet that
// rebinds its own name to 127.0.0.1 is refused.
#pragma once

#include <memory>
#include <string>

#include "host/base/clock.h"
#include "sandbox/api.h"
#include "sandbox/desk.h"
#include "sandbox/fail_rules.h"
#include "sandbox/stop_signal.h"
#include "sandbox/trace.h"

namespace modhost::sandbox {

// A connection holds a thread for as long as it is open; more than this wait until one is closed.
inline constexpr int kConnectionsMax = 1024;

// Open pages; one more is refused and asks again.
inline constexpr int kStreamsMax = 64;

struct ServerSettings {
  std::string listen = "127.0.0.1:8096";     // port 0: any free one
  host::Milliseconds latency{0};             // before every API call
  host::Milliseconds completion_latency{0};  // more, before completions
};

// Threads: the constructor and the destructor on one thread.
class Server {
 public:
  // Listens when constructed. All references have to outlive this object. Throws host::StartupError
  // when the address cannot be listened on.
  Server(ServerSettings settings, Api& api, Desk& desk, FailRules& faults, Trace& trace,
         StopSignal& stop, host::Clock& clock);
  // Gives `stop`, ends connections, waits for running calls.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // "127.0.0.1:8096", with the port that was found for 0.
  std::string address() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace modhost::sandbox
