// AdminServer: the admin port, so that an operator and an orchestrator are answered when the webhook
// port is flooded or draining. A gate of its own stands before it. It knows HTTP and who may ask
// (admin_access.h); what is answered stands in the router it is given (admin_routes.h).
// docs/admin-api.md describes all of it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "host/admin/admin_router.h"
#include "host/base/clock.h"
#include "host/base/metrics.h"

namespace modhost::host {

struct AdminSettings {
  std::string host = "127.0.0.1";
  int port = 9090;    // 0: any free one; port() tells
  int listener = -1;  // a listening TCP socket to take over instead of binding one; -1: none
  std::string
      token;        // demanded of every request but health checks; empty: none. See admin_access.h
  int threads = 4;  // requests answered at once
  std::size_t connections_max = 256;    // open at once, silent ones included; further ones get 503
  Milliseconds request_timeout{5'000};  // for a request as a whole, from the accept
  Milliseconds answer_timeout{30'000};  // for the peer to take the whole answer
};

inline constexpr std::size_t kAdminHeadMax = 16 * 1024;
// What a stop waits for answers that are not taken.
inline constexpr Milliseconds kAdminStopMax{1'000};
// Of all requests that are coming in, together; 503 beyond.
inline constexpr std::size_t kAdminBufferedMax = 8 * 1024 * 1024;

// Of a POST; a longer one is answered 413.
inline constexpr std::size_t kAdminBodyMax = 64 * 1024;

// Threads: every method may be called from any thread; handlers run on the server's own, at once.
class AdminServer {
 public:
  // Binds and listens; nobody is answered before start(). Throws StartupError for an address that
  // can not be bound.
  AdminServer(Clock& clock, Metrics& metrics, AdminRouter router, const AdminSettings& settings);
  ~AdminServer();  // stop()

  int port() const;
  void start();
  // Returns when no request is being answered any more; after kAdminStopMax answers that are not taken
  // are cut. No handler runs after it.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace modhost::host
