// By which way the client goes to the platform and whom it trusts there: proxies, and a real TLS
// server with a certificate of the test's own.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "host/base/fd.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/platform/client.h"

namespace modhost::host {
namespace {

// Takes one request's head, answers with `reply`, and closes.
class OneAnswerProxy {
 public:
  explicit OneAnswerProxy(std::string reply) : reply_(std::move(reply)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    listener_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_.get(), 16) == 0);
    REQUIRE(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = Thread("proxy", [this] { serve(); });
  }
  ~OneAnswerProxy() { ::shutdown(listener_.get(), SHUT_RDWR); }

  std::string url(const std::string& credentials = "") const {
    return "http://" + credentials + "127.0.0.1:" + std::to_string(port_);
  }
  // Of the first connection; once a call through it has ended.
  const std::string& head() const { return head_; }

 private:
  void serve() {
    for (;;) {
      const Fd connection(::accept(listener_.get(), nullptr, nullptr));
      if (!connection.valid()) return;
      std::string head;
      std::array<char, 4096> buffer{};
      while (head.find("\r\n\r\n") == std::string::npos) {
        const ssize_t size = ::read(connection.get(), buffer.data(), buffer.size());
        if (size <= 0) break;
        head.append(buffer.data(), static_cast<std::size_t>(size));
      }
      if (head_.empty()) head_ = head;
      (void)!::write(connection.get(), reply_.data(), reply_.size());
    }
  }

  const std::string reply_;
  Fd listener_;
  int port_ = 0;
  std::string head_;
  Thread thread_;
};

class Environment {
 public:
  explicit Environment(const std::string& proxy) {
    for (const char* name : kNames) ::setenv(name, proxy.c_str(), 1);
  }
  ~Environment() {
    for (const char* name : kNames) ::unsetenv(name);
  }

 private:
  static constexpr std::array kNames{"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"};
};

PlatformClientSettings oneTry(const std::string& api_base) {
  PlatformClientSettings settings = quickSettings(api_base);
  settings.retry.tries = 1;
  return settings;
}

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
constexpr char kDenied[] =
    "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

std::string wholeFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Starts `openssl` with `words`, its output in a file.
pid_t startOpenssl(std::vector<std::string> words, const std::string& output) {
  words.insert(words.begin(), "openssl");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(::open("/dev/null", O_RDONLY), 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::execvp("openssl", arguments.data());
  ::_exit(127);
}

// `openssl s_server` with a certificate for `name`.
class TlsServer {
 public:
  explicit TlsServer(const std::string& name) {
    const std::string output = folder_.file("out");
    const std::string key = folder_.file("key.pem");
    int status = -1;
    ::waitpid(
        startOpenssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                      "-nodes", "-days", "2", "-keyout", key, "-out", certificate(), "-subj",
                      "/CN=test", "-addext", "subjectAltName=" + name},
                     output),
        &status, 0);
    REQUIRE(status == 0);
    pid_ = startOpenssl(
        {"s_server", "-accept", "127.0.0.1:0", "-www", "-cert", certificate(), "-key", key},
        output);
    std::smatch found;
    REQUIRE(eventually([&] {
      const std::string said = wholeFile(output);
      const bool accepts = std::regex_search(said, found, std::regex("ACCEPT [0-9.]+:([0-9]+)\\n"));
      if (accepts) port_ = found[1];
      return accepts;
    }));
  }
  ~TlsServer() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  std::string base() const { return "https://127.0.0.1:" + port_; }
  std::string certificate() const { return folder_.file("certificate.pem"); }

 private:
  TempFolder folder_;
  pid_t pid_ = 0;
  std::string port_;
};

// The descriptor of this process whose peer is 127.0.0.1:`port`; -1: none.
int socketTo(int port) {
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (peer.sin_family == AF_INET && ntohs(peer.sin_port) == port) return fd;
  }
  return -1;
}

}  // namespace

TEST_SUITE("platform") {
  // What a path that went away without a word looks like can not be made on loopback; that the kernel was
  // told what to do then can be seen.
  TEST_CASE("platform: what is sent and never acknowledged ends its connection") {
    RecordingPlatform server;
    const auto hold = server.hold({});
    Client client(oneTry(server.apiBase()));
    auto started = client.start(client.request("POST", "/search/search", "{}"));
    REQUIRE(hold->waitForArrivals(1));

    int patience_ms = 0;
    socklen_t size = sizeof patience_ms;
    REQUIRE(::getsockopt(socketTo(server.port()), IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms,
                         &size) == 0);
    CHECK(patience_ms == 60'000);

    hold->release();
    CHECK(started.outcome.get().reply.ok());
  }

  TEST_CASE("platform: the environment's proxies are not looked at") {
    RecordingPlatform server;
    const Environment proxies("http://127.0.0.1:1");
    Client client(oneTry(server.apiBase()));

    const PlatformOutcome outcome = client.run(client.request("POST", "/search/search", "{}"));

    REQUIRE(outcome.reply.ok());
    CHECK(server.callCount() == 1);
  }

  TEST_CASE("platform: a plain call goes by the proxy with its credentials") {
    OneAnswerProxy proxy(kOk);
    PlatformClientSettings settings = oneTry("http://platform.example/api");
    settings.proxy = proxy.url("user:p%40ss@");
    ::setenv("no_proxy", "*", 1);
    Client client(settings);

    const PlatformOutcome outcome = client.run(client.request("GET", "/x"));
    ::unsetenv("no_proxy");

    REQUIRE(outcome.reply.ok());
    CHECK(proxy.head().find("GET http://platform.example/api/x HTTP/1.1\r\n") == 0);
    CHECK(proxy.head().find("Proxy-Authorization: Basic dXNlcjpwQHNz\r\n") != std::string::npos);
  }

  TEST_CASE("platform: a proxy tunnels https and sees neither the key nor the chat") {
    OneAnswerProxy proxy(kDenied);
    PlatformClientSettings settings = oneTry("https://platform.example/api");
    settings.proxy = proxy.url("user:topsecret@");
    Client client(settings);

    const PlatformOutcome outcome = client.run(client.request("POST", "/messages", "{\"a\":1}"));

    REQUIRE_FALSE(outcome.reply.ok());
    CHECK(outcome.reply.error().message.find("topsecret") == std::string::npos);
    CHECK(proxy.head().find("CONNECT platform.example:443 HTTP/1.1\r\n") == 0);
    CHECK(proxy.head().find("key-of-the-test") == std::string::npos);
    CHECK(proxy.head().find("x-user-id") == std::string::npos);
  }

  TEST_CASE("platform: a server whose certificate nobody vouches for is not talked to") {
    const TlsServer server("IP:127.0.0.1");
    Client client(quickSettings(server.base()));

    const PlatformOutcome outcome = client.run(client.request("GET", "/x"));

    REQUIRE_FALSE(outcome.reply.ok());
    CHECK(outcome.reply.error().message.find("certificate") != std::string::npos);
  }

  TEST_CASE("platform: the authorities of ca_file are trusted and no other name is") {
    const TlsServer server("IP:127.0.0.1");
    const TlsServer other("DNS:other.example");
    PlatformClientSettings settings = quickSettings(server.base());
    settings.ca_file = server.certificate();
    Client client(settings);
    PlatformClientSettings misnamed = quickSettings(other.base());
    misnamed.ca_file = other.certificate();
    Client misled(misnamed);

    const PlatformOutcome outcome = client.run(client.request("GET", "/x"));
    const PlatformOutcome refused = misled.run(misled.request("GET", "/x"));

    REQUIRE(outcome.reply.ok());
    CHECK(outcome.reply.value().status == 200);
    CHECK_FALSE(refused.reply.ok());
  }
}

}  // namespace modhost::host
