#include "host/admin/admin_server.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/ServerSocketImpl.h>
#include <Poco/ThreadPool.h>

#include <istream>
#include <optional>
#include <typeinfo>
#include <utility>

#include "host/admin/admin_access.h"
#include "host/admin/admin_json.h"
#include "host/admin/patient_socket.h"
#include "host/base/log.h"
#include "host/base/startup_error.h"
#include "host/base/thread.h"

namespace modhost::host {

namespace {

namespace net = Poco::Net;

constexpr int kBacklog = 64;
// Poco's idle threads look up this often; with its default of 10 s a stop takes as long.
constexpr int kThreadIdleMs = 250;

// The page runs its own scripts and styles alone, talks to this host alone and is framed by nobody.
constexpr char kContentPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

AdminHead headOf(const net::HTTPServerRequest& request, const std::string& path) {
  return {request.getMethod(),
          path,
          request.get("Host", ""),
          request.get("Origin", ""),
          request.get("Sec-Fetch-Site", ""),
          request.get("Authorization", ""),
          request.get(kActionHeader, "")};
}

// nullopt: longer than kAdminBodyMax, not there in time, or cut: half an action is none. Without a
// length there is no body; Poco would wait for the connection's end.
std::optional<std::string> readBody(net::HTTPServerRequest& request, Milliseconds patience) {
  std::string body;
  if (!request.hasContentLength() && !request.getChunkedTransferEncoding()) return body;
  const SystemClock clock;
  const SteadyTime deadline = clock.steadyNow() + patience;
  std::istream& stream = request.stream();
  for (int byte = stream.get(); byte != std::istream::traits_type::eof(); byte = stream.get()) {
    if (std::ssize(body) == kAdminBodyMax || clock.steadyNow() > deadline) return std::nullopt;
    body += static_cast<char>(byte);
  }
  // Poco does not tell a cut chunked body from a whole one. Half an object is no JSON; but nothing
  // at all would be an action on everything.
  const bool cut =
      request.hasContentLength() ? std::ssize(body) != request.getContentLength() : body.empty();
  if (stream.bad() || cut) return std::nullopt;
  return body;
}

// One per request.
class Handler final : public net::HTTPRequestHandler {
 public:
  Handler(const AdminRouter& router, const AdminSettings& settings)
      : router_(router), settings_(settings) {}

  void handleRequest(net::HTTPServerRequest& request, net::HTTPServerResponse& response) override {
    const AdminReply reply = replyTo(request);
    response.setStatusAndReason(static_cast<net::HTTPResponse::HTTPStatus>(reply.status));
    response.setContentType(reply.type);
    response.set("Cache-Control", "no-store");
    response.set("X-Content-Type-Options", "nosniff");
    response.set("X-Frame-Options", "DENY");
    response.set("Referrer-Policy", "no-referrer");
    response.set("Content-Security-Policy", kContentPolicy);
    for (const auto& [name, value] : reply.headers) response.set(name, value);
    response.setKeepAlive(false);
    response.sendBuffer(reply.text.data(), reply.text.size());
  }

 private:
  // The body is read even when it is refused: closing on unread bytes would reset the connection
  // before the sender has seen why.
  AdminReply replyTo(net::HTTPServerRequest& request) const {
    AdminRequest asked;
    asked.method = request.getMethod();
    splitTarget(request.getURI(), asked);
    std::optional<AdminReply> refused = refusal(headOf(request, asked.path), settings_.token);
    std::optional<std::string> body = readBody(request, settings_.request_timeout);
    if (refused) return *refused;
    if (!body) {
      return problem(413, "the body is too long, too slow or cut; accepted: up to " +
                              std::to_string(kAdminBodyMax) + " bytes");
    }
    asked.body = std::move(*body);
    return routed(std::move(asked));
  }

  AdminReply routed(AdminRequest asked) const {
    try {
      return router_.answer(std::move(asked));
    } catch (const std::exception& error) {
      logError("admin", "a page failed", {{"exception", typeid(error).name()}});
      return problem(500, "internal");
    }
  }

  const AdminRouter& router_;
  const AdminSettings& settings_;
};

class Handlers final : public net::HTTPRequestHandlerFactory {
 public:
  Handlers(const AdminRouter& router, const AdminSettings& settings)
      : router_(router), settings_(settings) {}
  net::HTTPRequestHandler* createRequestHandler(const net::HTTPServerRequest&) override {
    return new Handler(router_, settings_);
  }

 private:
  const AdminRouter& router_;
  const AdminSettings& settings_;
};

Poco::Timespan timespan(Milliseconds duration) { return Poco::Timespan(duration.count() * 1000); }

net::HTTPServerParams::Ptr serverParams(const AdminSettings& settings) {
  net::HTTPServerParams::Ptr params = new net::HTTPServerParams;
  params->setKeepAlive(false);
  params->setTimeout(timespan(settings.request_timeout));
  params->setMaxThreads(settings.threads);
  params->setMaxQueued(settings.connections_max);
  params->setThreadIdleTime(Poco::Timespan(0, kThreadIdleMs * 1000));
  return params;
}

class ListenerImpl final : public net::ServerSocketImpl {
 public:
  explicit ListenerImpl(int listener) { reset(listener); }
};

class Listener final : public net::ServerSocket {
 public:
  explicit Listener(int listener) : ServerSocket(new ListenerImpl(listener), true) {}
};

net::ServerSocket listenOn(const AdminSettings& settings) {
  if (settings.listener >= 0) return Listener(settings.listener);
  try {
    PatientServerSocket socket({settings.request_timeout, settings.answer_timeout});
    const net::SocketAddress address(settings.host, static_cast<Poco::UInt16>(settings.port));
    socket.bind(address, true, false);  // not shared: a second host must be refused
    socket.listen(kBacklog);
    return socket;
  } catch (const Poco::Exception& error) {
    const std::string where = settings.host + ":" + std::to_string(settings.port);
    throw StartupError("", "cannot listen on " + where + " (admin): " + error.displayText() +
                               "; accepted: a free address of this machine in admin");
  }
}

}  // namespace

struct AdminServer::Impl {
  Impl(AdminRouter routes, const AdminSettings& given)
      : router(std::move(routes)),
        settings(given),
        pool("admin", 1, settings.threads + 1, 60, static_cast<int>(kThreadStackDefault)),
        socket(listenOn(settings)),
        port(socket.address().port()),
        server(new Handlers(router, settings), pool, socket, serverParams(settings)) {}

  const AdminRouter router;
  const AdminSettings settings;
  Poco::ThreadPool pool;
  net::ServerSocket socket;
  const int port;
  net::HTTPServer server;
};

AdminServer::AdminServer(AdminRouter router, const AdminSettings& settings)
    : impl_(std::make_unique<Impl>(std::move(router), settings)) {}

AdminServer::~AdminServer() { stop(); }

int AdminServer::port() const { return impl_->port; }

void AdminServer::start() { impl_->server.start(); }

void AdminServer::stop() {
  impl_->server.stopAll(true);
  impl_->pool.joinAll();
  impl_->socket.close();  // Poco keeps it open, and connections would wait at it
}

}  // namespace modhost::host
