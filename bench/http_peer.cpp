#include "bench/http_peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace modhost::bench {
namespace {

constexpr std::string_view kLength = "content-length:";
constexpr int kListenBacklog = 4'096;
constexpr int kReplyWaitSeconds = 60;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

std::size_t contentLength(std::string_view head) {
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2);
    if (line.size() < kLength.size()) return 0;
    if (::strncasecmp(line.data(), kLength.data(), kLength.size()) == 0) {
      return std::strtoull(line.data() + kLength.size(), nullptr, 10);
    }
  }
  return 0;
}

}  // namespace

std::optional<HttpMessage> wholeMessage(std::string_view received) {
  const std::size_t end = received.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::size_t length = contentLength(received.substr(0, end + 2));
  if (received.size() < end + 4 + length) return std::nullopt;
  HttpMessage message;
  message.start_line = received.substr(0, received.find("\r\n"));
  message.body = received.substr(end + 4, length);
  message.bytes = end + 4 + length;
  return message;
}

host::Fd listenOnLoopback(int& port) {
  host::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof(address);
  if (!fd.valid() || ::bind(fd.get(), generic(address), size) != 0 ||
      ::listen(fd.get(), kListenBacklog) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    fail("cannot listen on loopback");
  }
  port = ntohs(address.sin_port);
  return fd;
}

host::Fd connectToLoopback(int port) {
  host::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  if (!fd.valid() || ::connect(fd.get(), generic(address), sizeof(address)) != 0) {
    fail("cannot connect to loopback");
  }
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

void setNonBlocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

void raiseFileLimit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

HttpClient::Reply HttpClient::exchange(std::string_view request) {
  if (!fd_.valid()) {
    received_.clear();
    fd_ = connectToLoopback(port_);
    const timeval wait{kReplyWaitSeconds, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
  }
  Reply reply;
  if (send(request)) reply = receive();
  if (reply.status == 0) fd_.reset();
  return reply;
}

bool HttpClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

HttpClient::Reply HttpClient::receive() {
  std::array<char, 16'384> buffer;
  for (;;) {
    if (const auto message = wholeMessage(received_)) {
      Reply reply;
      const std::size_t space = message->start_line.find(' ');
      reply.status = std::atoi(message->start_line.substr(space + 1).data());
      reply.body = message->body;
      received_.erase(0, message->bytes);
      return reply;
    }
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {};
    received_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace modhost::bench
