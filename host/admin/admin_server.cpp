#include "host/admin/admin_server.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>

#include <istream>
#include <iterator>
#include <optional>
#include <typeinfo>
#include <utility>

#include "host/admin/admin_access.h"
#include "host/admin/admin_json.h"
#include "host/base/log.h"
#include "host/gate/gate_server.h"

namespace modhost::host {

namespace {

namespace net = Poco::Net;

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

// It is here: the gate has waited for it, and bounded it.
std::string bodyOf(net::HTTPServerRequest& request) {
  return {std::istreambuf_iterator<char>(request.stream()), {}};
}

// What the gate answers. The sender is a client that is broken or too slow, and no browser's page.
AdminReply refusedBy(Refusal why) {
  switch (why) {
    case Refusal::kHeadTooLarge:
      return problem(
          431, "the head is too long; accepted: up to " + std::to_string(kAdminHeadMax) + " bytes");
    case Refusal::kBodyTooLarge:
      return problem(
          413, "the body is too long; accepted: up to " + std::to_string(kAdminBodyMax) + " bytes");
    case Refusal::kReadTimeout:
      return problem(408, "the request was not here in time");
    case Refusal::kOverloaded:
      return problem(503, "too many connections are open");
    case Refusal::kDraining:
      return problem(503, "the host is stopping");
    case Refusal::kMalformed:
      break;
  }
  return problem(400, "this is not HTTP/1.1 as this host reads it");
}

constexpr std::pair<const char*, const char*> kEveryAnswer[] = {
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Content-Security-Policy", kContentPolicy}};

std::string closingResponse(const AdminReply& reply) {
  const auto status = static_cast<net::HTTPResponse::HTTPStatus>(reply.status);
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " " +
                     net::HTTPResponse::getReasonForStatus(status) +
                     "\r\nContent-Type: " + reply.type;
  for (const auto& [name, value] : kEveryAnswer) head += std::string("\r\n") + name + ": " + value;
  return head + "\r\nContent-Length: " + std::to_string(reply.text.size()) +
         "\r\nConnection: Close\r\n\r\n" + reply.text;
}

void send(const AdminReply& reply, net::HTTPServerResponse& response) {
  response.setStatusAndReason(static_cast<net::HTTPResponse::HTTPStatus>(reply.status));
  response.setContentType(reply.type);
  for (const auto& [name, value] : kEveryAnswer) response.set(name, value);
  for (const auto& [name, value] : reply.headers) response.set(name, value);
  response.setKeepAlive(false);
  response.sendBuffer(reply.text.data(), reply.text.size());
}

GateServerSettings serverSettings(const AdminSettings& settings) {
  GateServerSettings made{"admin", "admin", settings.host, settings.port, settings.listener, {}};
  made.limits.request = {kAdminHeadMax, kAdminBodyMax};
  made.limits.buffered_bytes_max = kAdminBufferedMax;
  made.limits.connections_max = settings.connections_max;
  made.limits.read_timeout = settings.request_timeout;
  made.limits.write_timeout = settings.answer_timeout;
  made.limits.stop_timeout = kAdminStopMax;
  made.limits.threads = static_cast<std::size_t>(settings.threads);
  return made;
}

}  // namespace

struct AdminServer::Impl {
  Impl(Clock& clock, Metrics& m, AdminRouter routes, const AdminSettings& settings)
      : metrics(m),
        router(std::move(routes)),
        token(settings.token),
        server(clock, serverSettings(settings),
               [this](net::HTTPServerRequest& request, net::HTTPServerResponse& response) {
                 handle(request, response);
               }) {}

  void handle(net::HTTPServerRequest& request, net::HTTPServerResponse& response) const {
    try {
      send(replyTo(request), response);
    } catch (const Poco::Exception& error) {  // the peer has gone, or does not read
      logDebug("admin", "an answer was not taken", {{"why", error.displayText()}});
    }
  }

  AdminReply replyTo(net::HTTPServerRequest& request) const {
    AdminRequest asked;
    asked.method = request.getMethod();
    splitTarget(request.getURI(), asked);
    if (auto refused = refusal(headOf(request, asked.path), token)) return *std::move(refused);
    asked.body = bodyOf(request);
    try {
      return router.answer(std::move(asked));
    } catch (const std::exception& error) {
      logError("admin", "a page failed", {{"exception", typeid(error).name()}});
      return problem(500, "internal");
    }
  }

  Metrics& metrics;
  const AdminRouter router;
  const std::string token;
  GateServer server;
};

AdminServer::AdminServer(Clock& clock, Metrics& metrics, AdminRouter router,
                         const AdminSettings& settings)
    : impl_(std::make_unique<Impl>(clock, metrics, std::move(router), settings)) {}

AdminServer::~AdminServer() = default;

int AdminServer::port() const { return impl_->server.port(); }

void AdminServer::start() {
  impl_->server.start(impl_->metrics, [](Refusal why) { return closingResponse(refusedBy(why)); });
}

void AdminServer::stop() { impl_->server.stop(); }

}  // namespace modhost::host
