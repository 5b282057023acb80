// The host and its service manager, which is the test: what it is notified of, and the sockets it
// hands over.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>

#include "tests/system/main_job.h"

namespace modhost::host {
namespace {

constexpr char kNoPlatform[] = "http://127.0.0.1:1";
constexpr char kNothing[] = "modules: []\nroutes: []\n";

// What `modhost run` says when it refuses these sockets; `admin` is the key's value.
std::string refusalOf(const std::vector<NamedSocket>& sockets,
                      const std::string& admin = "127.0.0.1:0") {
  HostProcess host(kNoPlatform);
  host.configure(kNothing);
  std::string yaml = fileText(host.file("modules.yaml"));
  const std::string written = "admin: 127.0.0.1:0";
  yaml.replace(yaml.find(written), written.size(), "admin: " + admin);
  writeFile(host.file("modules.yaml"), yaml);
  host.handOver(sockets);

  CHECK(host.run({"run"}).exit_status == 2);
  return host.log();
}

void checkSaid(const std::string& line, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    CHECK_MESSAGE(line.find(word) != std::string::npos, "no <", word, "> in: ", line);
  }
}

// A connection that has sent a request; nobody needs to have accepted it.
Fd askedForHealth(int port) {
  Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const timeval patience{kSafetyLimit.count(), 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  REQUIRE(::connect(client.get(), generic, sizeof address) == 0);
  const std::string request = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
  REQUIRE(::send(client.get(), request.data(), request.size(), MSG_NOSIGNAL) > 0);
  return client;
}

std::string answerTo(const Fd& client) {
  std::array<char, 12> start{};
  const ssize_t size = ::recv(client.get(), start.data(), start.size(), MSG_WAITALL);
  return std::string(start.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
}

}  // namespace

TEST_SUITE_BEGIN("system");

TEST_CASE(
    "service: readiness comes when webhooks are answered and a stop says how long it may take") {
  HostProcess host(kNoPlatform);
  host.configure(kNothing);
  NotifySocket notified(host.file("notify"));
  host.setVariable("NOTIFY_SOCKET", notified.path());
  host.start();

  const std::size_t ready = notified.awaitWord("READY=1");
  REQUIRE(ready != std::string::npos);
  CHECK(httpGet(host.port(), "/health").status == 200);
  CHECK(host.terminate().exit_status == 0);

  // 30 s of drain, 5 s for answers, 4 s for modules, and room.
  CHECK(notified.awaitWord("STOPPING=1\nEXTEND_TIMEOUT_USEC=54000000\n", ready) !=
        std::string::npos);
}

TEST_CASE("service: a reload is told and readiness follows it") {
  HostProcess host(kNoPlatform);
  host.configure(kNothing);
  NotifySocket notified(host.file("notify"));
  host.setVariable("NOTIFY_SOCKET", notified.path());
  host.start();
  const std::size_t ready = notified.awaitWord("READY=1");

  host.signal(SIGHUP);

  const std::size_t reloading = notified.awaitWord("RELOADING=1\nMONOTONIC_USEC=", ready);
  REQUIRE(reloading != std::string::npos);
  CHECK(notified.awaitWord("READY=1", reloading) != std::string::npos);
}

TEST_CASE("service: the watchdog is told that the host is alive") {
  HostProcess host(kNoPlatform);
  host.configure(kNothing);
  NotifySocket notified(host.file("notify"));
  host.setVariable("NOTIFY_SOCKET", notified.path());
  host.setVariable("WATCHDOG_USEC", "200000");
  host.start();

  const std::size_t first = notified.awaitWord("WATCHDOG=1");
  REQUIRE(first != std::string::npos);
  CHECK(notified.awaitWord("WATCHDOG=1", first + 1) != std::string::npos);
}

TEST_CASE("service: who connects to a handed socket while no host runs is answered by the next") {
  const ListeningSocket webhook, admin;
  HostProcess host(kNoPlatform);
  host.configure(kNothing);
  host.handOver({{admin.fd(), "admin"}, {webhook.fd(), "webhook"}});
  host.start();
  CHECK(host.port() == webhook.port());
  CHECK(host.adminPort() == admin.port());
  CHECK(httpGet(webhook.port(), "/health").status == 200);
  CHECK(httpGet(admin.port(), "/healthz").status == 200);

  CHECK(host.terminate().exit_status == 0);
  const Fd early = askedForHealth(webhook.port());
  host.start();

  CHECK(answerTo(early) == "HTTP/1.1 200");
  CHECK(httpGet(admin.port(), "/healthz").status == 200);
}

TEST_CASE("service: sockets that nobody would serve are refused") {
  const ListeningSocket one, other;
  const std::string accepted = "accepted: FileDescriptorName=webhook";

  checkSaid(refusalOf({{one.fd(), "modhost.socket"}}), {"\"modhost.socket\"", accepted});
  checkSaid(refusalOf({{one.fd(), "webhook"}, {other.fd(), "webhook"}}), {"\"webhook\"", "twice"});
  checkSaid(refusalOf({{one.fd(), "admin"}}, "\"off\""), {"\"admin\"", "off"});
}

TEST_CASE("service: what is no listening TCP socket is refused") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const Fd ours(pair[0]), theirs(pair[1]);
  const Fd silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

  for (const int fd : {theirs.get(), silent.get()}) {
    checkSaid(refusalOf({{fd, "webhook"}}),
              {"\"webhook\"", "no listening TCP socket", "ListenStream="});
  }
}

TEST_CASE("service: an admin socket that others can reach needs a token") {
  const ListeningSocket anywhere("0.0.0.0");

  checkSaid(refusalOf({{anywhere.fd(), "admin"}}), {"0.0.0.0", "admin_token"});
}

TEST_SUITE_END();

}  // namespace modhost::host
