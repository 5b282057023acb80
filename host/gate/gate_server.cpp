#include "host/gate/gate_server.h"

#include <Poco/AutoPtr.h>
#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/ThreadPool.h>

#include <utility>

#include "host/base/mutex.h"
#include "host/base/startup_error.h"
#include "host/base/thread.h"
#include "host/gate/gate_socket.h"

namespace modhost::host {

namespace {

namespace net = Poco::Net;

// Poco's idle threads look up this often; with its default of 10 s a stop takes as long.
constexpr int kThreadIdleMs = 250;

// One per request.
class Handler final : public net::HTTPRequestHandler {
 public:
  explicit Handler(const GateServer::Handle& handle) : handle_(handle) {}

  void handleRequest(net::HTTPServerRequest& request, net::HTTPServerResponse& response) override {
    response.setKeepAlive(false);
    handle_(request, response);
    // Poco goes on with this socket only where nothing of the request can be left in its buffer, as behind
    // the last chunk of a body there could.
    response.setKeepAlive(gateSocket(request).wasDeferred() &&
                          !request.getChunkedTransferEncoding());
  }

 private:
  const GateServer::Handle& handle_;
};

class Handlers final : public net::HTTPRequestHandlerFactory {
 public:
  explicit Handlers(const GateServer::Handle& handle) : handle_(handle) {}

  net::HTTPRequestHandler* createRequestHandler(const net::HTTPServerRequest& request) override {
    // The gate has answered `Expect: 100-continue`. Poco would do so again, unless the status says
    // that the request will not be served; the handler's is set when the answer is known.
    request.response().setStatus(net::HTTPResponse::HTTP_SERVICE_UNAVAILABLE);
    return new Handler(handle_);
  }

 private:
  const GateServer::Handle& handle_;
};

net::HTTPServerParams::Ptr serverParams(const GateServerSettings& settings) {
  net::HTTPServerParams::Ptr params = new net::HTTPServerParams;
  params->setKeepAlive(true);  // of a GateSocket, which is no connection of anybody's
  params->setMaxKeepAliveRequests(0);
  params->setMaxThreads(static_cast<int>(settings.limits.threads));
  // Poco closes what it can not queue without a word; so its queue is as long as what the gate
  // admits.
  params->setMaxQueued(static_cast<int>(settings.limits.connections_max) + 1);
  params->setThreadIdleTime(Poco::Timespan(0, kThreadIdleMs * 1000));
  return params;
}

// Two references: one is the server's socket's, one ours.
Poco::AutoPtr<GateServerSocketImpl> bindTo(Clock& clock, const GateServerSettings& settings) {
  if (settings.listener >= 0) {
    return new GateServerSocketImpl(clock, settings.limits, settings.listener);
  }
  try {
    const net::SocketAddress address(settings.host, static_cast<Poco::UInt16>(settings.port));
    return new GateServerSocketImpl(clock, settings.limits, address);
  } catch (const Poco::Exception& error) {
    const std::string where = settings.host + ":" + std::to_string(settings.port);
    throw StartupError("", "cannot listen on " + where + ": " + error.displayText() +
                               "; accepted: a free address of this machine in " + settings.key);
  }
}

}  // namespace

GateSocket& gateSocket(net::HTTPServerRequest& request) {
  auto& impl = dynamic_cast<net::HTTPServerRequestImpl&>(request);
  return dynamic_cast<GateSocket&>(*impl.socket().impl());
}

struct GateServer::Impl {
  Impl(Clock& clock, const GateServerSettings& settings, Handle given)
      : name(settings.name),
        handle(std::move(given)),
        door(bindTo(clock, settings)),
        pool(name, 2, static_cast<int>(settings.limits.threads) + 2, 60,
             static_cast<int>(kThreadStackDefault)),
        server(new Handlers(handle), pool, GateServerSocket(door.duplicate()),
               serverParams(settings)) {}

  const std::string name;
  const Handle handle;
  Poco::AutoPtr<GateServerSocketImpl> door;
  Poco::ThreadPool pool;
  net::HTTPServer server;
  Mutex stopping;
  bool started = false;
};

GateServer::GateServer(Clock& clock, const GateServerSettings& settings, Handle handle)
    : impl_(std::make_unique<Impl>(clock, settings, std::move(handle))) {}

GateServer::~GateServer() { stop(); }

int GateServer::port() const { return impl_->door->address().port(); }

void GateServer::start(Metrics& metrics, Refuse refuse) {
  impl_->door->start(GateMetrics(metrics, impl_->name), std::move(refuse));
  impl_->server.start();
  impl_->started = true;
}

// The gate first, with the server still answering what is ready; then the server has nothing left, and
// its threads end as the gate has nothing more for them.
void GateServer::stop() {
  const MutexLock lock(impl_->stopping);
  if (!std::exchange(impl_->started, false)) return;
  impl_->door->stop();
  impl_->server.stop();
  impl_->pool.joinAll();
}

}  // namespace modhost::host
