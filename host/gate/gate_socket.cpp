#include "host/gate/gate_socket.h"

#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

// Poco asks a server socket two things, poll() and acceptConnection(), and a stream socket four:
// poll(), receiveBytes(), sendBytes() and close(). To Poco a GateSocket is one kept connection, and to
// the senders it is many, one after the other. What keeps them apart: Poco goes on with it only after
// defer() of a request whose body had a length and was read to its end (gate_server.cpp), so nothing of
// a request is left in Poco's buffer when the next one comes; and where a request ends is the gate's
// decision alone, so receiveBytes() never gives a byte beyond it.

namespace modhost::host {

namespace {

constexpr int kBacklog = 1024;
constexpr int kWriteSliceMs = 100;  // how late the write deadline may be noticed

}  // namespace

GateSocket::GateSocket(Clock& clock, Gate& gate, const GateLimits& limits,
                       std::unique_ptr<Connection> connection,
                       const Poco::Net::SocketAddress& local)
    : StreamSocketImpl(connection->fd()),
      clock_(clock),
      gate_(gate),
      write_timeout_(limits.write_timeout),
      connection_(std::move(connection)),
      local_(local),
      peer_(connection_->peer(), connection_->peerBytes()) {}

void GateSocket::noteThread() {
  if (!std::exchange(has_thread_, true)) gate_.taken();
}

// Poco drops a socket without close() when its server stops with this one still queued.
GateSocket::~GateSocket() {
  if (closed_.load(std::memory_order_acquire)) return;
  noteThread();
  end(Gate::After::kBroken);
}

int GateSocket::receiveBytes(void* buffer, int length, int) {
  if (!connection_) return 0;
  const std::string_view rest = connection_->request().substr(read_);
  const std::size_t n = std::min(rest.size(), static_cast<std::size_t>(std::max(length, 0)));
  std::memcpy(buffer, rest.data(), n);
  read_ += n;
  return static_cast<int>(n);
}

bool GateSocket::poll(const Poco::Timespan& timeout, int mode) {
  if ((mode & SELECT_READ) == 0) return StreamSocketImpl::poll(timeout, mode);
  noteThread();
  if (!connection_) return waitForNext(Milliseconds(timeout.totalMilliseconds()));
  return read_ < connection_->request().size();
}

bool GateSocket::waitForNext(Milliseconds timeout) {
  connection_ = gate_.next(timeout);
  if (!connection_) return false;
  reset(connection_->fd());
  peer_ = Poco::Net::SocketAddress(connection_->peer(), connection_->peerBytes());
  read_ = 0;
  return true;
}

int GateSocket::sendBytes(const void* buffer, int length, int) {
  // Poco's stream sends what it holds once more when it goes, also after a failure.
  if (!connection_ || broken_) throw Poco::Net::ConnectionResetException();
  if (!std::exchange(sent_any_, true)) write_deadline_ = clock_.steadyNow() + write_timeout_;
  const char* next = static_cast<const char*>(buffer);
  auto left = static_cast<std::size_t>(std::max(length, 0));
  while (left > 0) {
    const ssize_t sent = ::send(sockfd(), next, left, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      next += sent;
      left -= static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN) {
      waitWritable(write_deadline_);
    } else if (errno != EINTR) {
      broken_ = true;
      throw Poco::Net::ConnectionResetException();
    }
  }
  return length;
}

void GateSocket::waitWritable(SteadyTime deadline) {
  pollfd wanted{sockfd(), POLLOUT, 0};
  while (clock_.steadyNow() < deadline && !gate_.isOver()) {
    if (::poll(&wanted, 1, kWriteSliceMs) != 0) return;  // an error shows at the next send
  }
  broken_ = true;
  throw Poco::TimeoutException("the peer does not read its answer");
}

void GateSocket::close() {
  if (closed_.load(std::memory_order_acquire)) return;
  noteThread();
  if (broken_ || !sent_any_) {
    end(Gate::After::kBroken);
  } else {
    end(keep_ ? Gate::After::kKeep : Gate::After::kEnd);
  }
  closed_.store(true, std::memory_order_release);  // last: see the header
}

void GateSocket::end(Gate::After after) {
  reset();  // the descriptor is the connection's; Poco must not close it
  if (connection_) gate_.giveBack(std::move(connection_), after);
  gate_.leave();
}

// The number of the descriptor stays, as Poco asks for no other request of a socket without one. It is used for
// nothing until waitForNext() sets the next.
std::unique_ptr<DeferredAnswer> GateSocket::defer() {
  return std::make_unique<DeferredAnswer>(gate_, std::move(connection_));
}

DeferredAnswer::~DeferredAnswer() {
  if (connection_) gate_.giveBack(std::move(connection_), Gate::After::kBroken);
}

void DeferredAnswer::send(std::string answer, bool keep) {
  if (!connection_) return;
  const auto after = keep ? Gate::After::kKeep : Gate::After::kEnd;
  gate_.giveBack(std::move(connection_), after, std::move(answer));
}

GateServerSocketImpl::GateServerSocketImpl(Clock& clock, const GateLimits& limits,
                                           const Poco::Net::SocketAddress& address)
    : clock_(clock), limits_(limits), shared_(false) {
  // Without SO_REUSEPORT, which Poco sets by default: a second host must be refused, not share the
  // events.
  bind(address, true, false);
  listen(kBacklog);
  setBlocking(false);
}

GateServerSocketImpl::GateServerSocketImpl(Clock& clock, const GateLimits& limits, int listener)
    : clock_(clock), limits_(limits), shared_(true) {
  reset(listener);
  setBlocking(false);
}

void GateServerSocketImpl::start(const GateMetrics& metrics, Refuse refuse) {
  gate_ = std::make_unique<Gate>(clock_, metrics, std::move(refuse), limits_, sockfd(), shared_);
}

void GateServerSocketImpl::stop() {
  if (gate_) gate_->stop();
}

bool GateServerSocketImpl::poll(const Poco::Timespan& timeout, int) {
  return gate_->waitReady(Milliseconds(timeout.totalMilliseconds()));
}

Poco::Net::SocketImpl* GateServerSocketImpl::acceptConnection(Poco::Net::SocketAddress& peer) {
  std::unique_ptr<Connection> connection = gate_->take();
  if (!connection) throw Poco::TimeoutException();
  auto* socket = new GateSocket(clock_, *gate_, limits_, std::move(connection), address());
  peer = socket->peerAddress();
  return socket;
}

}  // namespace modhost::host
