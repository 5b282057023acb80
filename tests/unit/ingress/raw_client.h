// RawClient: a TCP client that sends exactly the bytes a test gives it and shows exactly what comes
// back. Every wait ends after kSafety, a limit for a broken host and not a time any test relies on.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

#include "host/base/fd.h"

namespace modhost::host {

struct Response {
  std::string status_line;  // "HTTP/1.1 200 OK"
  std::string head;         // all of it, the status line included
  std::string body;

  int code() const { return status_line.size() < 12 ? 0 : std::stoi(status_line.substr(9, 3)); }

  // Of the first field with this name in this spelling; "(none)" when it is absent.
  std::string field(const std::string& name) const {
    const auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "(none)";
    const auto begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

class RawClient {
 public:
  static constexpr std::chrono::seconds kSafety{90};

  explicit RawClient(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto* at = reinterpret_cast<const sockaddr*>(&address);
    connected_ = ::connect(fd_.get(), at, sizeof address) == 0;
  }

  bool connected() const { return connected_; }
  int fd() const { return fd_.get(); }

  // False when the peer has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  void endSending() { ::shutdown(fd_.get(), SHUT_WR); }

  // One response; an empty one when the connection ended instead. `with_body` false: the answer to
  // a HEAD.
  Response receive(bool with_body = true) {
    Response response;
    auto end = std::string::npos;
    while ((end = in_.find("\r\n\r\n")) == std::string::npos) {
      if (!receiveMore()) return response;
    }
    response.head = in_.substr(0, end + 2);
    response.status_line = response.head.substr(0, response.head.find("\r\n"));
    in_.erase(0, end + 4);
    const std::string length = response.field("Content-Length");
    const std::size_t wanted = length == "(none)" || !with_body ? 0 : std::stoul(length);
    while (in_.size() < wanted && receiveMore()) {
    }
    response.body = in_.substr(0, wanted);
    in_.erase(0, wanted);
    return response;
  }

  // True when the peer closes, having sent nothing more.
  bool closedByPeer() {
    while (receiveMore()) {
    }
    return in_.empty();
  }

  // True when the connection ends with an end and not with a reset. What still comes is thrown
  // away.
  bool endsOrderly() {
    while (receiveMore()) {
    }
    return !reset_;
  }

  // True when a byte or the end can be read now.
  bool readable(int wait_ms = 0) const {
    pollfd wanted{fd_.get(), POLLIN, 0};
    return !in_.empty() || ::poll(&wanted, 1, wait_ms) > 0;
  }

 private:
  bool receiveMore() {
    pollfd wanted{fd_.get(), POLLIN, 0};
    const auto ms = std::chrono::milliseconds(kSafety).count();
    if (::poll(&wanted, 1, static_cast<int>(ms)) <= 0)
      throw std::runtime_error("the host is silent");
    char bytes[4096];
    const ssize_t n = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    reset_ = n < 0;
    if (n <= 0) return false;
    in_.append(bytes, static_cast<std::size_t>(n));
    return true;
  }

  Fd fd_;
  bool connected_ = false;
  bool reset_ = false;
  std::string in_;
};

}  // namespace modhost::host
