#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/base/thread.h"
#include "host/gate/gate.h"
#include "tests/unit/ingress/host_under_test.h"

// What the gate promises: sizes, times, framing and the life of connections, over real ones.

namespace modhost::host {
namespace {

// Poco's accept loop ends without a word at what is thrown through it.
static_assert(noexcept(std::declval<Gate&>().waitReady(Milliseconds())));

constexpr char kTryAgain[] = R"({"success":false,"error":"Try again later"})";

std::string bigBody(const std::string& id, std::size_t bytes) {
  const std::string bare = chosenEventBody(id, "");
  // The text stands twice in the body.
  const std::size_t pad = bytes - bare.size();
  std::string body = chosenEventBody(id, std::string(pad / 2, 'x'));
  return body + std::string(bytes - body.size(), ' ');
}

// A door that a test opens: whoever passes waits until then.
class Door {
 public:
  void pass() {
    MutexLock lock(mutex_);
    ++waiting_;
    changed_.notifyAll();
    while (!open_) changed_.wait(mutex_);
  }
  void open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.notifyAll();
  }
  void awaitSomebody() {
    MutexLock lock(mutex_);
    while (waiting_ == 0) changed_.wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ GUARDED_BY(mutex_) = false;
  int waiting_ GUARDED_BY(mutex_) = 0;
};

}  // namespace

// All descriptors of this process but `left`.
class FewDescriptors {
 public:
  explicit FewDescriptors(std::size_t left) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit few{std::min<rlim_t>(before_.rlim_cur, 256), before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
    for (int fd = 0; (fd = ::dup(STDERR_FILENO)) >= 0;) taken_.emplace_back(fd);
    taken_.resize(taken_.size() - left);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
  std::vector<Fd> taken_;
};

// A gate without a server, on a port of its own.
struct BareGate {
  BareGate() : gate(clock, GateMetrics(metrics, "test"), refuse, limits(), listener.get()) {}

  static GateLimits limits() {
    GateLimits made;
    made.buffered_bytes_max = 1'000'000;
    made.connections_max = 10;
    made.read_timeout = made.write_timeout = made.idle_timeout = std::chrono::hours(1);
    made.threads = 1;
    return made;
  }
  static std::string refuse(Refusal) { return "refused"; }
  static Fd listening() {
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    REQUIRE(::listen(fd.get(), 16) == 0);
    return fd;
  }
  int port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }
  // Takes what is ready after one more request, which needs one server thread more.
  std::unique_ptr<Connection> takeOne(RawClient& client) {
    client.send("GET /health HTTP/1.1\r\n\r\n");
    while (!gate.waitReady(Milliseconds(10))) {
    }
    return gate.take();
  }

  FakeClock clock;
  Metrics metrics;
  const Fd listener = listening();
  Gate gate;
};

TEST_SUITE("ingress") {
  // As when the system has no thread left: what Poco queued is then served only by a thread that comes by.
  TEST_CASE("gate: a request whose server thread does not come is looked for by another") {
    BareGate bare;
    RawClient first(bare.port()), second(bare.port());
    std::unique_ptr<Connection> handed = bare.takeOne(first);

    auto looking =
        std::async(std::launch::async, [&] { return bare.gate.next(std::chrono::hours(1)); });
    const auto back = [&] {
      return looking.wait_for(Milliseconds(0)) == std::future_status::ready;
    };
    CHECK(eventually(back));
    second.send("GET /health HTTP/1.1\r\n\r\n");
    while (!back()) bare.gate.waitReady(Milliseconds(10));
    CHECK(looking.get() == nullptr);

    bare.gate.taken();
    std::unique_ptr<Connection> other;
    CHECK(eventually([&] {
      bare.gate.waitReady(Milliseconds(1));
      other = bare.gate.next(Milliseconds(0));
      return other != nullptr;
    }));
    bare.gate.giveBack(std::move(handed), Gate::After::kEnd);
    bare.gate.giveBack(std::move(other), Gate::After::kEnd);
  }

  TEST_CASE("gate: without descriptors the door is tried again tick by tick and not at once") {
    HostUnderTest host;
    auto few = std::make_unique<FewDescriptors>(1);
    RawClient client = host.client();  // in the backlog
    REQUIRE(host.waitFor("modhost_accept_pauses_total{port=\"webhook\"} 1"));
    few.reset();

    client.send(signedPost(chosenEventBody("evt_1")));
    CHECK(host.counted("modhost_accept_pauses_total{port=\"webhook\"} 1"));
    host.clock.advance(Milliseconds(100));

    CHECK(client.receive().code() == 200);
    CHECK(host.counted("modhost_accept_pauses_total{port=\"webhook\"} 1"));
  }

  TEST_CASE("gate: a body of exactly the limit is taken and one byte more is refused") {
    HostUnderTest host;
    const std::size_t limit = testSettings().max_body_bytes;

    CHECK(host.ask(signedPost(bigBody("evt_1", limit))).code() == 200);
    CHECK(host.waiting() == 1);

    const Response response = host.ask(signedPost(bigBody("evt_2", limit + 1)));
    CHECK(response.status_line == "HTTP/1.1 413 Content Too Large");
    CHECK(response.body == R"({"success":false,"error":"Body too large"})");
    CHECK(response.field("Connection") == "Close");
    CHECK(host.waiting() == 1);
  }

  TEST_CASE("gate: a body announced too large is refused before it is sent") {
    HostUnderTest host;
    RawClient client = host.client();

    client.send(
        "POST /webhook HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 8388609\r\n\r\n");

    CHECK(client.receive().code() == 413);
    CHECK(client.closedByPeer());
  }

  // A connection closed with bytes unread is reset, and some senders then never see the answer.
  TEST_CASE("gate: who is refused while still sending sees an answer and an orderly end") {
    HostUnderTest host;
    RawClient client = host.client();
    client.send("POST /webhook HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n" +
                std::string(500'000, 'x'));

    CHECK(client.receive().code() == 413);
    client.endSending();
    CHECK(client.endsOrderly());
  }

  TEST_CASE("gate: a chunked body is read whole whatever its pieces") {
    HostUnderTest host;
    for (const std::size_t chunk_bytes : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
      CAPTURE(chunk_bytes);
      const std::string body = chosenEventBody("evt_" + std::to_string(chunk_bytes));
      CHECK(host.ask(chunkedPost(body, chunk_bytes)).code() == 200);
    }
    CHECK(host.ask(chunkedPost(bigBody("evt_big", 8 * 1024 * 1024), 65536)).code() == 200);
    CHECK(host.waiting() == 4);
    CHECK(host.ask(chunkedPost(bigBody("evt_bigger", 8 * 1024 * 1024 + 1), 65536)).code() == 413);
  }

  TEST_CASE("gate: a request may come in bytes of one") {
    HostUnderTest host;
    RawClient client = host.client();

    for (const char byte : signedPost(chosenEventBody("evt_1"))) client.send({&byte, 1});

    CHECK(client.receive().code() == 200);
  }

  TEST_CASE("gate: Expect is answered once and the request after its body") {
    HostUnderTest host;
    RawClient client = host.client();
    const std::string body = chosenEventBody("evt_1");
    const std::string request = post(signedFields(body) + "Expect: 100-continue\r\n", body);

    client.send(request.substr(0, request.size() - body.size()));
    CHECK(client.receive().head == "HTTP/1.1 100 Continue\r\n");
    client.send(body);

    CHECK(client.receive().status_line == "HTTP/1.1 200 OK");
  }

  TEST_CASE("gate: what can be framed in two ways is malformed") {
    HostUnderTest host;
    const std::string body = chosenEventBody("evt_1");
    for (const std::string& fields :
         {std::string("Content-Length: 1\r\n"), std::string("Transfer-Encoding: chunked\r\n"),
          std::string("X: a\nY: b\r\n"), std::string(" folded\r\n")}) {
      CAPTURE(fields);
      const Response response = host.ask(post(signedFields(body) + fields, body));
      CHECK(response.status_line == "HTTP/1.1 400 Bad Request");
      CHECK(response.body == R"({"success":false,"error":"Malformed request"})");
      CHECK(response.field("Connection") == "Close");
    }
    CHECK(host.waiting() == 0);
  }

  TEST_CASE("gate: garbage is refused and the next sender is served") {
    HostUnderTest host;

    CHECK(host.ask("\x16\x03\x01\x02\r\n\r\n").code() == 400);
    CHECK(host.ask(std::string(100'000, 'x')).code() == 431);
    CHECK(host.ask(std::string(100'000, '\0')).code() == 431);
    CHECK(host.ask(signedPost(chosenEventBody("evt_1"))).code() == 200);
  }

  TEST_CASE("gate: long heads and many fields are refused as too large") {
    HostUnderTest host;
    std::string many;
    for (int i = 0; i < 10'000; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";

    CHECK(host.ask("GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n\r\n").code() == 431);
    CHECK(host.ask("GET /health HTTP/1.1\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n").code() ==
          431);
    const Response response = host.ask("GET /health HTTP/1.1\r\n" + many + "\r\n");
    CHECK(response.status_line == "HTTP/1.1 431 Request Header Fields Too Large");
    CHECK(response.body == R"({"success":false,"error":"Headers too large"})");
  }

  TEST_CASE("gate: a verified sender may send again on its connection") {
    HostUnderTest host;
    RawClient client = host.client();

    for (int i = 0; i < 20; ++i) {
      client.send(signedPost(chosenEventBody("evt_" + std::to_string(i))));
      const Response response = client.receive();
      REQUIRE(response.code() == 200);
      REQUIRE(response.field("Connection") == "Keep-Alive");
    }
    CHECK(host.waiting() == 20);
  }

  TEST_CASE("gate: requests sent at once are answered one after the other") {
    HostUnderTest host;
    RawClient client = host.client();
    const std::string two = chunkedPost(chosenEventBody("evt_2"), 9);

    client.send(signedPost(chosenEventBody("evt_1")) + two + signedPost("garbage") + "GET /health");

    CHECK(client.receive().body == R"({"success":true})");
    CHECK(client.receive().body == R"({"success":true})");
    CHECK(client.receive().body == R"({"success":true,"parked":"not JSON"})");
    client.send(" HTTP/1.1\r\n\r\n");
    CHECK(client.receive().body == R"({"status":"ok"})");
    CHECK(client.closedByPeer());
  }

  // A server thread goes from connection to connection, and what Poco reads ahead it keeps.
  TEST_CASE("gate: what the handler left of a request is nobody's next request") {
    IngressSettings settings = testSettings();
    settings.threads = 1;
    HostUnderTest host(settings);
    const std::string hidden = "GET /health HTTP/1.1\r\n\r\n";

    SUBCASE("a body that nobody reads") {
      CHECK(host.ask(post("", hidden, "/elsewhere")).code() == 404);
    }
    SUBCASE("the trailer of a stored event") {
      std::string request = chunkedPost(chosenEventBody("evt_1"), 9);
      request.resize(request.size() - 2);
      CHECK(host.ask(request + "X-Sum: 1\r\n" + hidden).code() == 200);
    }

    CHECK(host.ask(signedPost(chosenEventBody("evt_2"))).code() == 200);
    CHECK(host.counted("modhost_webhooks_total{answer=\"healthy\"} 0"));
  }

  TEST_CASE("gate: a stranger gets one answer and no second request") {
    HostUnderTest host;
    RawClient client = host.client();

    client.send(post("", "unsigned") + signedPost(chosenEventBody("evt_1")));

    CHECK(client.receive().code() == 400);
    CHECK(client.closedByPeer());
    CHECK(host.waiting() == 0);
  }

  TEST_CASE("gate: who asks to close is closed after its answer") {
    HostUnderTest host;
    RawClient client = host.client();
    const std::string body = chosenEventBody("evt_1");

    client.send(post(signedFields(body) + "Connection: close\r\n", body));

    CHECK(client.receive().field("Connection") == "Close");
    CHECK(client.closedByPeer());
  }

  TEST_CASE("gate: a sender that has ended its side still gets its answer") {
    HostUnderTest host;
    RawClient client = host.client();

    client.send(signedPost(chosenEventBody("evt_1")));
    client.endSending();

    CHECK(client.receive().code() == 200);
    CHECK(client.closedByPeer());
  }

  TEST_CASE("gate: a truncated request is dropped and leaves nothing behind") {
    HostUnderTest host;
    {
      RawClient client = host.client();
      const std::string request = signedPost(chosenEventBody("evt_1"));
      client.send(request.substr(0, request.size() - 1));
      client.endSending();
      CHECK(client.closedByPeer());
    }
    CHECK(host.waitFor("modhost_connections{port=\"webhook\"} 0"));
    CHECK(host.waitFor("modhost_gate_buffered_bytes{port=\"webhook\"} 0"));
    CHECK(host.waiting() == 0);
  }

  TEST_CASE("gate: the read deadline counts from the first byte and drips do not extend it") {
    HostUnderTest host;
    RawClient client = host.client();
    for (int i = 1; i <= 3; ++i) {
      client.send("P");
      REQUIRE(host.waitFor("modhost_gate_buffered_bytes{port=\"webhook\"} " + std::to_string(i)));
      CHECK_FALSE(client.readable());
      host.clock.advance(Milliseconds(4'000));
    }

    const Response response = client.receive();

    CHECK(response.status_line == "HTTP/1.1 503 Service Unavailable");
    CHECK(response.body == kTryAgain);
    CHECK(response.field("Retry-After") == "5");
    CHECK(host.counted("modhost_webhooks_total{answer=\"read_timeout\"} 1"));
  }

  TEST_CASE("gate: a body that does not come is given up like a head") {
    HostUnderTest host;
    RawClient client = host.client();
    const std::string request = signedPost(chosenEventBody("evt_1"));
    client.send(request.substr(0, request.size() - 1));
    REQUIRE(host.waitFor("modhost_gate_buffered_bytes{port=\"webhook\"} " +
                         std::to_string(request.size() - 1)));

    host.clock.advance(Milliseconds(10'000));

    CHECK(client.receive().code() == 503);
    CHECK(host.waiting() == 0);
  }

  TEST_CASE("gate: a connection without a byte is closed without a word") {
    HostUnderTest host;

    SUBCASE("a fresh one after read_timeout") {
      RawClient client = host.client();
      REQUIRE(host.waitFor("modhost_connections{port=\"webhook\"} 1"));
      host.clock.advance(Milliseconds(10'000));
      CHECK(client.closedByPeer());
    }
    SUBCASE("not a kept one before idle_timeout") {
      RawClient client = host.client();
      client.send(signedPost(chosenEventBody("evt_1")));
      REQUIRE(client.receive().code() == 200);
      REQUIRE(host.waitFor("modhost_gate_buffered_bytes{port=\"webhook\"} 0"));
      host.clock.advance(Milliseconds(59'999));
      CHECK(host.ask("GET /health HTTP/1.1\r\n\r\n").code() == 200);
      client.send(signedPost(chosenEventBody("evt_2")));
      CHECK(client.receive().code() == 200);
    }
    SUBCASE("a kept one after idle_timeout") {
      RawClient client = host.client();
      client.send(signedPost(chosenEventBody("evt_1")));
      REQUIRE(client.receive().code() == 200);
      // Idle begins when the gate has the connection back, which no metric tells.
      CHECK(eventually([&] {
        host.clock.advance(Milliseconds(60'000));
        return client.readable();
      }));
      CHECK(client.closedByPeer());
    }
  }

  TEST_CASE("gate: strangers who drip take no thread from a sender") {
    IngressSettings settings = testSettings();
    settings.threads = 1;
    HostUnderTest host(settings);
    std::vector<std::unique_ptr<RawClient>> strangers;
    for (int i = 0; i < 100; ++i) {
      strangers.push_back(std::make_unique<RawClient>(host.ingress.port()));
      strangers.back()->send(i % 2 == 0 ? "POST /webhook HT"
                                        : "POST /webhook HTTP/1.1\r\nContent-Length: 9\r\n\r\nx");
    }
    REQUIRE(host.waitFor("modhost_connections{port=\"webhook\"} 100"));

    CHECK(host.ask(signedPost(chosenEventBody("evt_1"))).code() == 200);
  }

  TEST_CASE("gate: connections beyond the limit are told to come again") {
    IngressSettings settings = testSettings();
    settings.connections_max = 2;
    HostUnderTest host(settings);
    auto one = std::make_unique<RawClient>(host.ingress.port());
    auto two = std::make_unique<RawClient>(host.ingress.port());
    REQUIRE(host.waitFor("modhost_connections{port=\"webhook\"} 2"));

    RawClient three = host.client();
    const Response response = three.receive();
    CHECK(response.code() == 503);
    CHECK(response.field("Retry-After") == "5");
    CHECK(three.closedByPeer());

    one.reset();
    two.reset();
    REQUIRE(host.waitFor("modhost_connections{port=\"webhook\"} 0"));
    CHECK(host.ask(signedPost(chosenEventBody("evt_1"))).code() == 200);
  }

  TEST_CASE("gate: bytes beyond what may be buffered are refused and room is found again") {
    IngressSettings settings = testSettings();
    settings.head_max_bytes = 1000;
    settings.max_body_bytes = 2000;
    settings.buffered_max_bytes = 3000;
    HostUnderTest host(settings);
    const std::string head = "POST /webhook HTTP/1.1\r\nContent-Length: 2000\r\n\r\n";
    std::vector<std::unique_ptr<RawClient>> holders;
    for (int i = 0; i < 2; ++i) {
      holders.push_back(std::make_unique<RawClient>(host.ingress.port()));
      holders.back()->send(head + std::string(1450 - head.size(), 'x'));
    }
    REQUIRE(host.waitFor("modhost_gate_buffered_bytes{port=\"webhook\"} 2900"));

    CHECK(host.ask(signedPost(chosenEventBody("evt_1"))).code() == 503);
    CHECK(host.counted("modhost_webhooks_total{answer=\"overloaded\"} 1"));

    holders.clear();
    REQUIRE(host.waitFor("modhost_gate_buffered_bytes{port=\"webhook\"} 0"));
    CHECK(host.ask(signedPost(chosenEventBody("evt_2"))).code() == 200);
  }

  TEST_CASE("gate: a sender that takes no answers is given up after write_timeout") {
    HostUnderTest host;
    RawClient client = host.client();
    const int small = 4096;
    ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    const std::string request = signedPost(chosenEventBody("evt_1"));
    // Requests go out until the host, stuck with its answers, reads no more of them.
    std::string many;
    for (int i = 0; i < 100; ++i) many += request;
    pollfd writable{client.fd(), POLLOUT, 0};
    while (::poll(&writable, 1, 1'000) > 0) {
      if (::send(client.fd(), many.data(), many.size(), MSG_NOSIGNAL | MSG_DONTWAIT) <= 0) break;
    }

    while (!host.counted("modhost_connections{port=\"webhook\"} 0"))
      host.clock.advance(Milliseconds(5'000));

    CHECK(host.ask("GET /health HTTP/1.1\r\n\r\n").code() == 200);
  }

  TEST_CASE("gate: many senders at once all get their own answer") {
    HostUnderTest host;
    constexpr int kSenders = 16, kEach = 25;
    {
      std::vector<Thread> senders;
      for (int s = 0; s < kSenders; ++s) {
        senders.emplace_back("sender", [&host, s] {
          RawClient client = host.client();
          for (int i = 0; i < kEach; ++i) {
            const std::string id = "evt_" + std::to_string(s) + "_" + std::to_string(i);
            client.send(signedPost(i % 5 == 4 ? id : chosenEventBody(id)));
            const std::string expected =
                i % 5 == 4 ? R"({"success":true,"parked":"not JSON"})" : R"({"success":true})";
            CHECK(client.receive().body == expected);
          }
        });
      }
    }
    CHECK(host.waiting() == kSenders * kEach * 4 / 5);
    CHECK(host.deadLetters().size() == kSenders * kEach / 5);
  }

  TEST_CASE("gate: stop answers who is being served and refuses who is half read") {
    Door door;
    ScriptedInbox inbox([&door]() -> Result<Accepted> {
      door.pass();
      return Accepted{1};
    });
    HostUnderTest host(testSettings(), &inbox);
    RawClient served = host.client(), half = host.client(), silent = host.client();
    served.send(signedPost(chosenEventBody("evt_1")));
    door.awaitSomebody();
    half.send("POST /webhook HTTP/1.1\r\n");
    REQUIRE(host.waitFor("modhost_connections{port=\"webhook\"} 3"));
    const auto bytes = signedPost(chosenEventBody("evt_1")).size() + 24;
    REQUIRE(host.waitFor("modhost_gate_buffered_bytes{port=\"webhook\"} " + std::to_string(bytes)));

    Thread stopper("stopper", [&host] { host.ingress.stop(); });
    CHECK(half.receive().code() == 503);
    CHECK(silent.closedByPeer());
    CHECK_FALSE(served.readable());
    door.open();
    stopper.join();

    CHECK(served.receive().code() == 200);
    CHECK_FALSE(host.client().connected());
  }

  TEST_CASE("gate: nobody is answered before start and those who came early are answered after") {
    FakeClock clock;
    Metrics metrics;
    MemoryInbox inbox(clock);
    CurrentRoutes routes(std::make_shared<const RouteTable>(std::vector<Route>{}));
    Ingress ingress(clock, metrics, inbox, routes, testSettings());
    RawClient early(ingress.port());
    early.send("GET /health HTTP/1.1\r\n\r\n");

    ingress.start();

    CHECK(early.receive().code() == 200);
  }

  TEST_CASE("gate: stop may come twice or without a start") {
    HostUnderTest host;
    host.ingress.stop();
    host.ingress.stop();

    FakeClock clock;
    Metrics metrics;
    Ingress never(clock, metrics, host.inbox, host.routes, testSettings());
    never.stop();
  }
}

}  // namespace modhost::host
