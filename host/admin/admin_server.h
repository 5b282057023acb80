// AdminServer: what an operator and an orchestrator may ask, on a port of its own, so that it
// answers when the webhook port is flooded or draining. It reads and changes nothing. No
// authentication: bind it to loopback or to a network of one's own.
//
//   GET /health    200 {"status":"ok"}: the process serves
//   GET /ready     200 {"ready":true}, or 503 {"ready":false,"reasons":["draining"]}: whether to
//   send it events GET /metrics   Prometheus text format 0.0.4 GET /status    JSON for people:
//   version, uptime, inbox, and what app adds
//
// Other paths 404, other methods 405, both {"error":…}.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/inbox/inbox.h"

namespace modhost::host {

struct AdminSettings {
  std::string host = "127.0.0.1";
  int port = 9090;                      // 0: any free one; port() tells
  int threads = 4;                      // requests answered at once
  int connections_max = 64;             // waiting for a thread; further ones are closed
  Milliseconds request_timeout{5'000};  // without a byte in or out
};

// Both are called on the server's threads, at once, and must not block for long.
struct AdminSources {
  // Why this host should get no events now ("draining"); empty when it should. Shown as they are.
  std::function<std::vector<std::string>()> not_ready;
  // Members to add to /status ("modules", "routes"); an object. May be empty.
  std::function<nlohmann::json()> status;
};

// Threads: every method may be called from any thread.
class AdminServer {
 public:
  // Binds and listens; nobody is answered before start(). Throws StartupError for an address that
  // can not be bound.
  AdminServer(Clock& clock, Metrics& metrics, Inbox& inbox, AdminSources sources,
              const AdminSettings& settings);
  ~AdminServer();  // stop()

  int port() const;
  void start();
  // Returns when no request is being answered any more. No call to `sources` comes after it.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace modhost::host
