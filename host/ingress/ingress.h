// Ingress: bytes from the network → a verified event in the inbox → an answer that may be believed.
// A 200 means: it is on disk.
//
//   POST <path>   the platform's webhooks
//   GET /health   200 {"status":"ok"} as long as the process serves, draining included: who asks
//   wants to
//                 know whether to kill it. Whether to send it events is the admin port's /readyz.
//
// The order of the checks: the request's framing and size (by the gate, before anything waits for
// the body), path, method, draining, signature headers, signature, timestamp, JSON, age. See
// http_status.cpp for the answers and docs/decisions/0001-poco-behind-a-gate.md for why a gate
// stands before Poco.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/inbox/inbox.h"
#include "host/ingress/signature.h"
#include "host/routes/route_table.h"

namespace modhost::host {

// What becomes of a verified event that no route matches. Both answer 200 and count it.
enum class Unrouted { kCount = 1, kDeadLetter };

struct IngressSettings {
  std::string listen_host = "0.0.0.0";
  int listen_port = 8080;  // 0: any free one; port() tells
  // A listening TCP socket that the Ingress takes over instead of binding one; -1: none. It stays open
  // elsewhere: after stop() its connections wait for who comes next.
  int listener = -1;
  std::string path = "/webhook";
  std::vector<SigningSecret> secrets;  // at least one, none empty
  Milliseconds tolerance{300'000};     // of X-Unique-Created-At; 0: off
  Milliseconds max_event_age{0};       // of the body's createdAt; older ones are parked; 0: off
  Unrouted unrouted = Unrouted::kCount;

  std::size_t max_body_bytes = 8 * 1024 * 1024;  // 413 beyond
  std::size_t head_max_bytes = 16 * 1024;        // 431 beyond
  // Received and not yet answered, over all connections; 503 beyond. Holds one largest request at
  // least.
  std::size_t buffered_max_bytes = 64 * 1024 * 1024;
  std::size_t connections_max = 2048;  // open at once, idle ones included; 503 beyond
  int threads = 4;                     // requests being verified at once
  Milliseconds read_timeout{10'000};   // first byte to last of one request, head and body
  Milliseconds write_timeout{10'000};  // of one whole response
  Milliseconds idle_timeout{60'000};   // of a kept connection between two requests
};

// Threads: every method may be called from any thread. Start it with the signals of the process
// blocked: the library's threads inherit the mask of who constructs it.
class Ingress {
 public:
  // Binds and listens; nobody is answered before start(). Throws StartupError for an address that
  // can not be bound and for settings no request could ever pass (no secret, a path that is
  // /health).
  Ingress(Clock& clock, Metrics& metrics, Inbox& inbox, CurrentRoutes& routes,
          const IngressSettings& settings);
  ~Ingress();  // stop()

  int port() const;
  void start();

  // Takes secrets, tolerance, max_event_age and unrouted of `settings` for requests that are verified
  // from now on; nothing else of it. The secrets are as the constructor wants them.
  void apply(const IngressSettings& settings);

  // How many secrets there are, and how many of them have expired.
  SecretCounts secrets() const;

  // From now on every webhook is answered 503 with Retry-After. Never undone.
  void drain();

  // Refuses connections, answers what is here in full and closes the rest with 503. Returns when no
  // request is being handled any more, after at most `write_timeout` from the last answer's
  // beginning, but not before the inbox has reported all that was handed to it: for that there is
  // no limit here. What is reported once the gate has given up is told to nobody.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace modhost::host
