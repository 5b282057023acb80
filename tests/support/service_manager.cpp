#include "tests/support/service_manager.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>

#include "tests/support/eventually.h"

namespace modhost::host {
namespace {

Fd boundDatagramSocket(const std::string& path) {
  Fd made(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.data(), path.size());
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  REQUIRE(::bind(made.get(), generic, sizeof address) == 0);
  return made;
}

Fd listeningSocket(const std::string& host) {
  const Fd made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  REQUIRE(::inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1);
  REQUIRE(::bind(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(made.get(), 128) == 0);
  return Fd(::fcntl(made.get(), F_DUPFD_CLOEXEC, 10));
}

int portOf(int fd) {
  sockaddr_in address{};
  socklen_t bytes = sizeof address;
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &bytes) == 0);
  return ntohs(address.sin_port);
}

}  // namespace

NotifySocket::NotifySocket(const std::string& path)
    : path_(path), socket_(boundDatagramSocket(path)) {}

const std::string& NotifySocket::said() {
  std::array<char, 4096> buffer{};
  ssize_t size = 0;
  while ((size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0)) > 0) {
    said_.append(buffer.data(), static_cast<std::size_t>(size)) += '\n';
  }
  return said_;
}

std::size_t NotifySocket::awaitWord(const std::string& word, std::size_t after) {
  std::size_t at = std::string::npos;
  eventually([&] { return (at = said().find(word, after)) != std::string::npos; });
  return at;
}

ListeningSocket::ListeningSocket(const std::string& address)
    : socket_(listeningSocket(address)), port_(portOf(socket_.get())) {}

std::vector<std::string> withHandedSockets(const std::vector<NamedSocket>& sockets,
                                           const std::vector<std::string>& command) {
  if (sockets.empty()) return command;
  std::string names;
  for (const NamedSocket& socket : sockets) names += (names.empty() ? "" : ":") + socket.name;
  std::vector<std::string> line = {
      "/bin/sh", "-c",
      "export LISTEN_PID=$$ LISTEN_FDS=" + std::to_string(sockets.size()) +
          " LISTEN_FDNAMES=" + names + "; exec \"$0\" \"$@\""};
  line.insert(line.end(), command.begin(), command.end());
  return line;
}

}  // namespace modhost::host
