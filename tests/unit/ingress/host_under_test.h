// A whole ingress over an inbox in memory, on a free port, with a clock that stands still; and the
// signed requests that the platform would send it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/base/crypto.h"
#include "host/base/metrics.h"
#include "host/ingress/ingress.h"
#include "host/routes/route_table.h"
#include "tests/support/events.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_inbox.h"
#include "tests/unit/ingress/raw_client.h"

namespace modhost::host {

inline constexpr char kSecret[] = "whsec_demo_secret";

inline IngressSettings testSettings() {
  IngressSettings settings;
  settings.listen_host = "127.0.0.1";
  settings.listen_port = 0;
  settings.secrets = {kSecret};
  settings.threads = 4;
  return settings;
}

// An inbox whose accept() does what a test says and which knows nothing else.
class ScriptedInbox final : public Inbox {
 public:
  explicit ScriptedInbox(std::function<Result<Accepted>()> script) : script_(std::move(script)) {}

  Result<Accepted> accept(const EventPtr&, std::span<const Target>) override { return script_(); }
  void acceptThen(const EventPtr&, std::vector<Target>, AcceptDone done) override {
    done(script_());
  }
  Result<Accepted> park(const Event&, const Target&, std::string_view) override {
    return script_();
  }
  void onReady(std::function<void(const Target&)>) override {}
  void onFailure(std::function<void(const Error&)>) override {}
  Result<std::vector<Delivery>> next(const Target&, std::size_t) override { return unknown(); }
  Result<std::vector<Target>> openTargets() override { return unknown(); }
  Result<void> begin(std::span<const Begin>) override { return unknown(); }
  void settle(std::vector<Settlement>) override {}
  Result<std::vector<int>> openDeliveriesOf(std::span<const EventSeq>) override {
    return unknown();
  }
  Result<Ledger> ledger(const DeliveryKey&) override { return unknown(); }
  void record(std::vector<LedgerEntry>, Done) override {}
  Result<InboxStats> stats() override { return unknown(); }

 private:
  static Error unknown() { return {ErrorKind::kInvalid, "not in this script"}; }
  std::function<Result<Accepted>()> script_;
};

struct HostUnderTest {
  explicit HostUnderTest(const IngressSettings& settings = testSettings(), Inbox* other = nullptr)
      : inbox(clock),
        routes(std::make_shared<const RouteTable>(
            std::vector<Route>{{"unique.chat.*", {}, {"rag-responder"}}})),
        ingress(clock, metrics, other != nullptr ? *other : inbox, routes, settings) {
    ingress.start();
  }

  RawClient client() { return RawClient(ingress.port()); }

  // One request on a connection of its own.
  Response ask(const std::string& request) {
    RawClient one = client();
    one.send(request);
    return one.receive();
  }

  std::int64_t waiting() { return inbox.stats().take().waiting; }
  std::vector<DeadLetter> deadLetters() { return inbox.deadLetters(0, 100).take(); }
  bool counted(const std::string& line) const {
    return metrics.text().find(line + "\n") != std::string::npos;
  }

  // Waits for a line of the metrics, such as "modhost_connections{port=\"webhook\"} 0".
  bool waitFor(const std::string& line) const {
    return eventually([&] { return counted(line); });
  }

  FakeClock clock;
  Metrics metrics;
  MemoryInbox inbox;
  CurrentRoutes routes;
  Ingress ingress;
};

inline std::string signature(const std::string& body, const std::string& secret = kSecret) {
  return hex(HmacKey(secret).sign(body));
}

// FakeClock starts at this second.
inline constexpr char kNowSeconds[] = "1767225600";

inline std::string signedFields(const std::string& body, const std::string& timestamp = kNowSeconds,
                                const std::string& secret = kSecret) {
  return "X-Unique-Signature: " + signature(body, secret) +
         "\r\nX-Unique-Created-At: " + timestamp + "\r\n";
}

// A POST with these fields and this body; Content-Length is added.
inline std::string post(const std::string& fields, const std::string& body,
                        const std::string& path = "/webhook") {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline std::string signedPost(const std::string& body) { return post(signedFields(body), body); }

inline std::string chunkedPost(const std::string& body, std::size_t chunk_bytes) {
  std::string request =
      "POST /webhook HTTP/1.1\r\n" + signedFields(body) + "Transfer-Encoding: chunked\r\n\r\n";
  for (std::size_t at = 0; at < body.size(); at += chunk_bytes) {
    const std::string piece = body.substr(at, chunk_bytes);
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
    request += size + piece + "\r\n";
  }
  return request + "0\r\n\r\n";
}

}  // namespace modhost::host
