// AdminServer: the admin port, so that an operator and an orchestrator are answered when the
// webhook port is flooded or draining. It knows HTTP and who may ask (admin_access.h); what is
// answered stands in the router it is given (admin_routes.h). docs/admin-api.md describes all of it.
#pragma once

#include <memory>
#include <string>

#include "host/admin/admin_router.h"
#include "host/base/clock.h"

namespace modhost::host {

struct AdminSettings {
  std::string host = "127.0.0.1";
  int port = 9090;    // 0: any free one; port() tells
  int listener = -1;  // a listening TCP socket to take over instead of binding one; -1: none
  std::string
      token;        // demanded of every request but health checks; empty: none. See admin_access.h
  int threads = 4;  // requests answered at once
  int connections_max = 64;             // waiting for a thread; further ones are closed
  Milliseconds request_timeout{5'000};  // for a request as a whole
  Milliseconds answer_timeout{30'000};  // for the peer to take the whole answer
};

// Of a POST; a longer one is answered 413.
inline constexpr int kAdminBodyMax = 64 * 1024;

// Threads: every method may be called from any thread; handlers run on the server's own, at once.
class AdminServer {
 public:
  // Binds and listens; nobody is answered before start(). Throws StartupError for an address that
  // can not be bound.
  AdminServer(AdminRouter router, const AdminSettings& settings);
  ~AdminServer();  // stop()

  int port() const;
  void start();
  // Returns when no request is being answered any more. No handler runs after it.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace modhost::host
