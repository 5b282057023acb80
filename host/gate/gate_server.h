// GateServer: Poco's HTTPServer behind a gate, ready to be started; both of the host's ports are one.
// Its threads see whole requests only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/gate/gate.h"

namespace Poco::Net {
class HTTPServerRequest;
class HTTPServerResponse;
}  // namespace Poco::Net

namespace modhost::host {

class GateSocket;

struct GateServerSettings {
  std::string name;  // of its threads, and the label `port` of the gate's metrics
  std::string key;   // of the configuration, for errors: where its address stands
  std::string host;
  int port = 0;  // 0: any free one; port() tells
  int listener =
      -1;  // a listening TCP socket to take over instead of binding one; -1: none. It stays
           // open elsewhere: after stop() its connections wait for who comes next.
  GateLimits limits;
};

// The gate's connection under a request that this server handles.
GateSocket& gateSocket(Poco::Net::HTTPServerRequest& request);

// Threads: every method may be called from any thread.
class GateServer {
 public:
  // Called on the server's own threads, at once. Must not throw: Poco would answer for it.
  using Handle = std::function<void(Poco::Net::HTTPServerRequest&, Poco::Net::HTTPServerResponse&)>;

  // Binds and listens; nobody is served before start(). Throws StartupError for an address that can
  // not be bound.
  GateServer(Clock& clock, const GateServerSettings& settings, Handle handle);
  ~GateServer();  // stop()

  int port() const;
  void start(Metrics& metrics, Refuse refuse);
  // Refuses connections, answers what is here in full and refuses the rest; after limits.stop_timeout
  // answers that are not taken are cut. Returns when no handler is running any more and none will.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace modhost::host
