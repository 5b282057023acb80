// The gate, as Poco's HTTPServer sees it: a server socket whose accepted sockets already hold one
// complete request. Two virtual classes of Poco 1.11 are derived, nothing of it is patched.
#pragma once

#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/ServerSocketImpl.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocketImpl.h>

#include <atomic>
#include <cstddef>
#include <memory>

#include "host/base/clock.h"
#include "host/gate/gate.h"

namespace modhost::host {

// A taken connection whose answer comes when Poco has long let go of it. One that is never answered
// is closed when this goes.
class DeferredAnswer {
 public:
  DeferredAnswer(Gate& gate, std::unique_ptr<Connection> connection)
      : gate_(gate), connection_(std::move(connection)) {}
  ~DeferredAnswer();
  DeferredAnswer(const DeferredAnswer&) = delete;
  DeferredAnswer& operator=(const DeferredAnswer&) = delete;

  // Once; a second call does nothing. Any thread, never blocks.
  void send(std::string answer, bool keep);

 private:
  Gate& gate_;
  std::unique_ptr<Connection> connection_;
};

// What Poco takes for one connection that is kept: the requests of many, one after the other, for as long as
// each is taken away from it by defer(). Reading never waits: the bytes are here. What Poco answers itself
// is the last one; when Poco closes this, that connection goes back to the gate.
class GateSocket final : public Poco::Net::StreamSocketImpl {
 public:
  GateSocket(Clock& clock, Gate& gate, const GateLimits& limits,
             std::unique_ptr<Connection> connection, const Poco::Net::SocketAddress& local);

  // Takes the connection away from Poco, whose request has been read; it sends nothing then.
  std::unique_ptr<DeferredAnswer> defer();
  bool wasDeferred() const { return !connection_; }
  // The answer that is about to be sent leaves the connection open for another request.
  void keepAfterAnswer() { keep_ = true; }

  int receiveBytes(void* buffer, int length, int flags) override;
  // For the next request, once the one before was deferred.
  bool poll(const Poco::Timespan& timeout, int mode) override;
  // Sends all of it before the write deadline of the response, which begins with its first byte, or
  // throws Poco::TimeoutException.
  int sendBytes(const void* buffer, int length, int flags) override;
  void close() override;
  // Answered from memory: getpeername() fails when the peer has gone.
  Poco::Net::SocketAddress address() override { return local_; }
  Poco::Net::SocketAddress peerAddress() override { return peer_; }
  // Time is bounded by the gate and by sendBytes().
  // Poco shuts down what is still open when its server stops; that is the gate's to end.
  void shutdown() override {}
  void setReceiveTimeout(const Poco::Timespan&) override {}
  void setSendTimeout(const Poco::Timespan&) override {}

 protected:
  ~GateSocket() override;

 private:
  void noteThread();
  void end(Gate::After after);
  bool waitForNext(Milliseconds timeout);
  void waitWritable(SteadyTime deadline);

  Clock& clock_;
  Gate& gate_;
  const Milliseconds write_timeout_;
  std::unique_ptr<Connection> connection_;  // null once it was deferred or given back
  const Poco::Net::SocketAddress local_;
  Poco::Net::SocketAddress peer_;
  std::size_t read_ = 0;  // of the request
  SteadyTime write_deadline_{};
  bool sent_any_ = false, broken_ = false, keep_ = false, has_thread_ = false;
  // Who closes and who destroys may be two threads. Poco's reference count orders them, but
  // ThreadSanitizer cannot see into Poco.
  std::atomic<bool> closed_{false};
};

// Listens, and owns the gate behind the listener.
class GateServerSocketImpl final : public Poco::Net::ServerSocketImpl {
 public:
  // Throws Poco::Net::NetException when the address can not be bound.
  GateServerSocketImpl(Clock& clock, const GateLimits& limits,
                       const Poco::Net::SocketAddress& address);
  // Takes over a listening socket that somebody else holds as well: stop() leaves it listening.
  GateServerSocketImpl(Clock& clock, const GateLimits& limits, int listener);

  // Opens the door; until then connections wait in the listener's backlog.
  void start(const GateMetrics& metrics, Refuse refuse);
  // Gate::stop(). The gate itself stays until this object goes, for sockets that come back late.
  void stop();

  bool poll(const Poco::Timespan& timeout, int mode) override;
  Poco::Net::SocketImpl* acceptConnection(Poco::Net::SocketAddress& peer) override;

 private:
  Clock& clock_;
  const GateLimits limits_;
  const bool shared_;
  std::unique_ptr<Gate> gate_;
};

class GateServerSocket final : public Poco::Net::ServerSocket {
 public:
  // Takes over one reference of `impl`.
  explicit GateServerSocket(GateServerSocketImpl* impl) : ServerSocket(impl, true) {}
};

}  // namespace modhost::host
