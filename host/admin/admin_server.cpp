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
#include <Poco/ThreadPool.h>

#include <nlohmann/json.hpp>
#include <typeinfo>
#include <utility>

#include "host/base/log.h"
#include "host/base/startup_error.h"
#include "host/base/thread.h"

namespace modhost::host {

namespace {

namespace net = Poco::Net;
using Json = nlohmann::json;
using Status = net::HTTPResponse::HTTPStatus;

constexpr char kJsonType[] = "application/json";
constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr int kBacklog = 64;
// Poco's idle threads look up this often; with its default of 10 s a stop takes as long.
constexpr int kThreadIdleMs = 250;

struct Page {
  Status status = net::HTTPResponse::HTTP_OK;
  std::string type = kJsonType;
  std::string text;
};

Page jsonPage(Status status, const Json& json) {
  return {status, kJsonType, json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

// What the pages are made of. Threads: any.
class Pages {
 public:
  Pages(Clock& clock, Metrics& metrics, Inbox& inbox, AdminSources sources)
      : clock_(clock),
        metrics_(metrics),
        inbox_(inbox),
        sources_(std::move(sources)),
        started_(clock.steadyNow()) {}

  Page at(const std::string& path) const {
    if (path == "/health") return jsonPage(net::HTTPResponse::HTTP_OK, {{"status", "ok"}});
    if (path == "/ready") return ready();
    if (path == "/metrics") return {net::HTTPResponse::HTTP_OK, kMetricsType, metrics_.text()};
    if (path == "/status") return status();
    return jsonPage(net::HTTPResponse::HTTP_NOT_FOUND, {{"error", "not found"}});
  }

 private:
  Page ready() const {
    std::vector<std::string> reasons;
    if (sources_.not_ready) reasons = sources_.not_ready();
    if (reasons.empty()) return jsonPage(net::HTTPResponse::HTTP_OK, {{"ready", true}});
    return jsonPage(net::HTTPResponse::HTTP_SERVICE_UNAVAILABLE,
                    {{"ready", false}, {"reasons", reasons}});
  }

  Page status() const {
    using std::chrono::seconds;
    const auto uptime = std::chrono::duration_cast<seconds>(clock_.steadyNow() - started_);
    Json json = sources_.status ? sources_.status() : Json::object();
    json["version"] = MODHOST_VERSION;
    json["uptime_seconds"] = uptime.count();
    json["inbox"] = inbox();
    return jsonPage(net::HTTPResponse::HTTP_OK, json);
  }

  Json inbox() const {
    const Result<InboxStats> stats = inbox_.stats();
    if (!stats) return {{"error", stats.error().message}};
    const InboxStats& s = stats.value();
    return {{"waiting", s.waiting},
            {"running", s.running},
            {"closing", s.closing},
            {"done", s.done},
            {"dead", s.dead},
            {"events", s.events},
            {"ambiguous_creates", s.ambiguous_creates}};
  }

  Clock& clock_;
  Metrics& metrics_;
  Inbox& inbox_;
  const AdminSources sources_;
  const SteadyTime started_;
};

// One per request.
class Handler final : public net::HTTPRequestHandler {
 public:
  explicit Handler(const Pages& pages) : pages_(pages) {}

  void handleRequest(net::HTTPServerRequest& request, net::HTTPServerResponse& response) override {
    const Page page = pageFor(request, response);
    response.setStatusAndReason(page.status);
    response.setContentType(page.type);
    response.setKeepAlive(false);
    response.sendBuffer(page.text.data(), page.text.size());
  }

 private:
  Page pageFor(net::HTTPServerRequest& request, net::HTTPServerResponse& response) const {
    if (request.getMethod() != "GET" && request.getMethod() != "HEAD") {
      response.set("Allow", "GET, HEAD");
      return jsonPage(net::HTTPResponse::HTTP_METHOD_NOT_ALLOWED,
                      {{"error", "method not allowed"}});
    }
    try {
      return pages_.at(request.getURI().substr(0, request.getURI().find('?')));
    } catch (const std::exception& error) {
      logError("admin", "a page failed", {{"exception", typeid(error).name()}});
      return jsonPage(net::HTTPResponse::HTTP_INTERNAL_SERVER_ERROR, {{"error", "internal"}});
    }
  }

  const Pages& pages_;
};

class Handlers final : public net::HTTPRequestHandlerFactory {
 public:
  explicit Handlers(const Pages& pages) : pages_(pages) {}
  net::HTTPRequestHandler* createRequestHandler(const net::HTTPServerRequest&) override {
    return new Handler(pages_);
  }

 private:
  const Pages& pages_;
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

net::ServerSocket listenOn(const AdminSettings& settings) {
  try {
    net::ServerSocket socket;
    const net::SocketAddress address(settings.host, static_cast<Poco::UInt16>(settings.port));
    socket.bind(address, true, false);  // not shared: a second host must be refused
    socket.listen(kBacklog);
    return socket;
  } catch (const Poco::Exception& error) {
    const std::string where = settings.host + ":" + std::to_string(settings.port);
    throw StartupError("", "cannot listen on " + where + " (admin): " + error.displayText());
  }
}

}  // namespace

struct AdminServer::Impl {
  Impl(Clock& clock, Metrics& metrics, Inbox& inbox, AdminSources sources,
       const AdminSettings& settings)
      : pages(clock, metrics, inbox, std::move(sources)),
        pool("admin", 1, settings.threads + 1, 60, static_cast<int>(kThreadStackDefault)),
        socket(listenOn(settings)),
        port(socket.address().port()),
        server(new Handlers(pages), pool, socket, serverParams(settings)) {}

  Pages pages;
  Poco::ThreadPool pool;
  net::ServerSocket socket;
  const int port;
  net::HTTPServer server;
};

AdminServer::AdminServer(Clock& clock, Metrics& metrics, Inbox& inbox, AdminSources sources,
                         const AdminSettings& settings)
    : impl_(std::make_unique<Impl>(clock, metrics, inbox, std::move(sources), settings)) {}

AdminServer::~AdminServer() { stop(); }

int AdminServer::port() const { return impl_->port; }

void AdminServer::start() { impl_->server.start(); }

void AdminServer::stop() {
  impl_->server.stopAll(true);
  impl_->pool.joinAll();
  impl_->socket.close();  // Poco keeps it open, and connections would wait at it
}

}  // namespace modhost::host
