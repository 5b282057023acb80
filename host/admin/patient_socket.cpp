#include "host/admin/patient_socket.h"

#include <Poco/Exception.h>
#include <Poco/Net/ServerSocketImpl.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace modhost::host {

namespace {

namespace net = Poco::Net;

// So much time from the first look at it.
class Budget {
 public:
  explicit Budget(Milliseconds patience) : patience_(patience) {}

  Poco::Timespan left() {
    const SteadyTime now = clock_.steadyNow();
    if (!deadline_) deadline_ = now + patience_;
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(*deadline_ - now);
    if (left.count() <= 0) throw Poco::TimeoutException("the peer takes too long");
    return Poco::Timespan(left.count());
  }

 private:
  const SystemClock clock_;
  const Milliseconds patience_;
  std::optional<SteadyTime> deadline_;
};

class PatientSocketImpl final : public net::StreamSocketImpl {
 public:
  PatientSocketImpl(poco_socket_t fd, const Patience& patience)
      : StreamSocketImpl(fd), request_(patience.request), answer_(patience.answer) {}

  int receiveBytes(void* buffer, int length, int flags) override {
    setReceiveTimeout(request_.left());
    return StreamSocketImpl::receiveBytes(buffer, length, flags);
  }
  bool poll(const Poco::Timespan& timeout, int mode) override {
    if ((mode & SELECT_READ) == 0) return StreamSocketImpl::poll(timeout, mode);
    return StreamSocketImpl::poll(std::min(timeout, request_.left()), mode);
  }

  // The kernel ends one send() when its time is over, with what the peer took until then.
  int sendBytes(const void* buffer, int length, int flags) override {
    const char* const bytes = static_cast<const char*>(buffer);
    int sent = 0;
    while (sent < length) {
      setSendTimeout(answer_.left());
      sent += SocketImpl::sendBytes(bytes + sent, length - sent, flags);
    }
    return sent;
  }

 private:
  Budget request_;
  Budget answer_;
};

class PatientServerSocketImpl final : public net::ServerSocketImpl {
 public:
  explicit PatientServerSocketImpl(const Patience& patience) : patience_(patience) {}

  net::SocketImpl* acceptConnection(net::SocketAddress& peer) override {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    auto* at = reinterpret_cast<sockaddr*>(&address);
    int fd = -1;
    do {
      fd = ::accept4(sockfd(), at, &length, SOCK_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) error();
    peer = net::SocketAddress(at, length);
    return new PatientSocketImpl(fd, patience_);
  }

 private:
  const Patience patience_;
};

}  // namespace

PatientServerSocket::PatientServerSocket(const Patience& patience)
    : ServerSocket(new PatientServerSocketImpl(patience), true) {}

}  // namespace modhost::host
