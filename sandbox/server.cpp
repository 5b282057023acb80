#include "sandbox/server.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/ThreadPool.h>
#include <Poco/URI.h>

#include <atomic>
#include <istream>
#include <ostream>
#include <thread>

#include "host/base/log.h"
#include "host/base/loopback.h"
#include "host/base/startup_error.h"
#include "host/base/thread.h"
#include "sandbox/text.h"

namespace modhost::sandbox {
namespace {

namespace net = Poco::Net;

constexpr int kListenBacklog = 1024;
constexpr int kConnectionsQueuedMax = 1024;
constexpr int kThreadIdleSeconds = 60;
// Poco's idle threads look up this often; with its default of 10 s a stop may take as long.
constexpr int kThreadLookMs = 250;
constexpr host::Milliseconds kStopLook{5};  // between two looks whether all connections have ended
// A client that neither sends nor takes bytes for this long is let go.
constexpr int kSocketTimeoutSeconds = 60;

constexpr const char* kHtmlFault =
    "<!doctype html><title>Sign in</title><p>This page comes from --fail …=html.</p>";

// A page that takes no bytes for this long has lost its stream, and asks again when it is back.
constexpr int kStreamSendSeconds = 10;
// A page is shown at most so many states a second.
constexpr host::Milliseconds kStreamPause{50};

struct Wiring {
  ServerSettings settings;
  Api& api;
  Desk& desk;
  FailRules& faults;
  Trace& trace;
  StopSignal& stop;
  host::Clock& clock;
  bool loopback_only = true;
  std::atomic<int> streams{0};
};

// Counts a stream for as long as it is open.
class StreamPlace {
 public:
  explicit StreamPlace(std::atomic<int>& streams) : streams_(streams) {
    if (++streams_ <= kStreamsMax) return;
    --streams_;
    throw Refusal(503, "too many pages are open");
  }
  ~StreamPlace() { --streams_; }
  StreamPlace(const StreamPlace&) = delete;
  StreamPlace& operator=(const StreamPlace&) = delete;

 private:
  std::atomic<int>& streams_;
};

// The name in a Host header, without its port.
std::string hostName(const std::string& host) {
  const std::size_t bracket = host.find(']');
  const std::size_t colon = host.find(':', bracket == std::string::npos ? 0 : bracket);
  return host.substr(0, colon);
}

std::string lowerCase(std::string name) {
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

std::string readBody(net::HTTPServerRequest& from, net::HTTPServerResponse& to) {
  const bool too_long = from.getContentLength64() > static_cast<Poco::Int64>(kBodyBytesMax);
  if (too_long) throw Refusal(413, "the body is over 8 MiB");
  if (from.getExpectContinue()) to.sendContinue();
  std::string body;
  char buffer[16 * 1024];
  while (from.stream().read(buffer, sizeof buffer), from.stream().gcount() > 0) {
    body.append(buffer, static_cast<std::size_t>(from.stream().gcount()));
    if (body.size() > kBodyBytesMax) throw Refusal(413, "the body is over 8 MiB");
  }
  return body;
}

void readTarget(const std::string& target, Request& request) {
  try {
    const Poco::URI uri(target);
    request.path = target.substr(0, target.find_first_of("?#"));
    for (const auto& [name, value] : uri.getQueryParameters()) {
      request.query[validUtf8(name)] = validUtf8(value);
    }
  } catch (const Poco::Exception&) {
    throw Refusal(400, "the request's target is no URI");
  }
}

Request readRequest(net::HTTPServerRequest& from, net::HTTPServerResponse& to) {
  Request request;
  request.method = from.getMethod();
  for (const auto& [name, value] : from) request.headers[lowerCase(name)] = validUtf8(value);
  readTarget(from.getURI(), request);
  request.body = readBody(from, to);
  return request;
}

void writeHead(const Response& response, net::HTTPServerResponse& to) {
  to.setStatusAndReason(static_cast<net::HTTPResponse::HTTPStatus>(response.status));
  to.setContentType(response.content_type);
  to.setContentLength64(static_cast<Poco::Int64>(response.body.size()));
  for (const auto& [name, value] : response.headers) to.set(name, value);
}

void write(const Response& response, net::HTTPServerResponse& to) {
  writeHead(response, to);
  to.sendBuffer(response.body.data(), response.body.size());
}

// Half an answer, then the end of the connection: what a crashing proxy leaves behind.
void writeCut(const Response& response, net::HTTPServerRequest& from, net::HTTPServerResponse& to) {
  writeHead(response, to);
  to.setKeepAlive(false);
  to.send()
      .write(response.body.data(), static_cast<std::streamsize>(response.body.size() / 2))
      .flush();
  dynamic_cast<net::HTTPServerRequestImpl&>(from).socket().shutdown();
}

Response faultResponse(const Fault& fault) {
  Response response;
  if (fault.kind == Fault::Kind::kHtml) {
    response.content_type = "text/html; charset=utf-8";
    response.body = kHtmlFault;
    return response;
  }
  response = errorResponse(fault.status, "asked for with --fail");
  if (fault.status == 429) response.headers.emplace_back("Retry-After", "1");
  return response;
}

std::string faultName(const Fault& fault) {
  if (fault.kind == Fault::Kind::kHtml) return "html";
  return fault.kind == Fault::Kind::kCut ? "cut" : std::to_string(fault.status);
}

class Handler final : public net::HTTPRequestHandler {
 public:
  explicit Handler(Wiring& wiring) : wiring_(wiring) {}

  void handleRequest(net::HTTPServerRequest& from, net::HTTPServerResponse& to) override {
    try {
      serve(readRequest(from, to), from, to);
    } catch (
        const Refusal& refusal) {  // the body may be unread, so the connection is not used again
      to.setKeepAlive(false);
      write(errorResponse(refusal.status, refusal.what()), to);
    } catch (const Poco::Exception& error) {
      host::logDebug("sandbox", "a connection ended early", {{"why", error.displayText()}});
    }
  }

 private:
  void serve(const Request& request, net::HTTPServerRequest& from, net::HTTPServerResponse& to) {
    if (wiring_.loopback_only && !host::isLoopbackHost(hostName(request.header("host")))) {
      throw Refusal(403, "call the sandbox by 127.0.0.1 or localhost");
    }
    const bool stream = request.method == "GET" && request.path == "/sandbox/stream";
    if (stream) return sendStream(request, from, to);
    if (Desk::serves(request.path)) return write(guarded(wiring_.desk, request), to);
    serveApi(request, from, to);
  }

  void serveApi(const Request& request, net::HTTPServerRequest& from, net::HTTPServerResponse& to) {
    const host::SteadyTime start = wiring_.clock.steadyNow();
    const host::WallTime at = wiring_.clock.wallNow();
    const std::string path = apiPath(request.path);
    wiring_.stop.pause(wiring_.settings.latency);
    if (path.starts_with("/openai/")) wiring_.stop.pause(wiring_.settings.completion_latency);
    const std::optional<Fault> fault = wiring_.faults.next(request.method, path);
    const bool cut = fault && fault->kind == Fault::Kind::kCut;
    const Response response = fault && !cut ? faultResponse(*fault) : guarded(wiring_.api, request);
    const auto took =
        std::chrono::duration_cast<host::Milliseconds>(wiring_.clock.steadyNow() - start);
    trace({request, response, at, took, fault ? faultName(*fault) : ""});
    if (cut) return writeCut(response, from, to);
    write(response, to);
  }

  void trace(const ModuleCall& call) {
    host::logDebug("sandbox", call.request.method + " " + call.request.path,
                   {{"status", call.response.status}});
    try {
      wiring_.trace.called(call);
    } catch (const StoreError& error) {
      host::logError("sandbox", "a call is not traced", {{"why", error.what()}});
    }
  }

  void sendStream(const Request& request, net::HTTPServerRequest& from,
                  net::HTTPServerResponse& to) {
    const StreamPlace place(wiring_.streams);
    EventStream stream = wiring_.desk.stream(request);
    dynamic_cast<net::HTTPServerRequestImpl&>(from).socket().setSendTimeout(
        Poco::Timespan(kStreamSendSeconds, 0));
    to.setContentType("text/event-stream");
    to.set("Cache-Control", "no-store");
    to.set("X-Content-Type-Options", "nosniff");
    to.setChunkedTransferEncoding(true);
    std::ostream& out = to.send();
    for (std::string frame; out && !(frame = stream.next()).empty();) {
      out << frame << std::flush;
      if (!wiring_.stop.pause(kStreamPause)) return;
    }
  }

  // The edge at which a disk's or a parser's trouble becomes an answer.
  template <typename Part>
  static Response guarded(Part& part, const Request& request) {
    try {
      return part.handle(request);
    } catch (const std::exception& error) {
      host::logError("sandbox", "a call failed", {{"why", error.what()}});
      return errorResponse(500, "the sandbox failed; its log says why");
    }
  }

  Wiring& wiring_;
};

class Factory final : public net::HTTPRequestHandlerFactory {
 public:
  explicit Factory(Wiring& wiring) : wiring_(wiring) {}
  net::HTTPRequestHandler* createRequestHandler(const net::HTTPServerRequest&) override {
    return new Handler(wiring_);  // Poco deletes it
  }

 private:
  Wiring& wiring_;
};

// Without SO_REUSEPORT, which Poco's shorter bind() sets: a second sandbox on the port has to be
// refused.
net::ServerSocket listenOn(const std::string& address) {
  try {
    net::ServerSocket socket;
    socket.bind(net::SocketAddress(address), /*reuseAddress=*/true, /*reusePort=*/false);
    socket.listen(kListenBacklog);
    return socket;
  } catch (const Poco::Exception& error) {
    throw host::StartupError(
        "--listen " + address,
        error.displayText() + "; expected a free address such as 127.0.0.1:8096");
  }
}

net::HTTPServerParams::Ptr pocoParams() {
  net::HTTPServerParams::Ptr params = new net::HTTPServerParams;
  params->setMaxThreads(kConnectionsMax);
  params->setMaxQueued(kConnectionsQueuedMax);
  params->setTimeout(Poco::Timespan(kSocketTimeoutSeconds, 0));
  params->setThreadIdleTime(Poco::Timespan(0, kThreadLookMs * 1000));
  params->setSoftwareVersion("");
  return params;
}

}  // namespace

struct Server::Parts {
  Parts(ServerSettings settings, Api& api, Desk& desk, FailRules& faults, Trace& trace,
        StopSignal& stop, host::Clock& clock)
      : wiring{std::move(settings), api, desk, faults, trace, stop, clock},
        socket(listenOn(wiring.settings.listen)),
        pool("sandbox", 2, kConnectionsMax, kThreadIdleSeconds, host::kThreadStackDefault),
        server(new Factory(wiring), pool, socket, pocoParams()) {}

  Wiring wiring;
  net::ServerSocket socket;
  Poco::ThreadPool pool;
  net::HTTPServer server;
};

Server::Server(ServerSettings settings, Api& api, Desk& desk, FailRules& faults, Trace& trace,
               StopSignal& stop, host::Clock& clock)
    : parts_(std::make_unique<Parts>(std::move(settings), api, desk, faults, trace, stop, clock)) {
  parts_->wiring.loopback_only = parts_->socket.address().host().isLoopback();
  parts_->server.start();
}

Server::~Server() {
  parts_->wiring.stop.stop();
  // Again, as a connection that a thread took up just then was not told, and would wait 15 s for a
  // further request, 60 s for a first one.
  do {
    parts_->server.stopAll(/*abortCurrent=*/true);
    std::this_thread::sleep_for(kStopLook);
  } while (parts_->pool.used() > 0);
  parts_->pool.joinAll();
}

std::string Server::address() const { return parts_->socket.address().toString(); }

}  // namespace modhost::sandbox
