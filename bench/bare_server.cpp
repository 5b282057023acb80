// bare_server THREADS: the yardstick of acknowledgements. Poco's HTTPServer as it comes, with
// keep-alive and THREADS threads; a handler checks the signature, parses the JSON and says 200.
// Stores nothing, routes nothing, bounds nothing. Prints its port, serves until SIGTERM.
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/ThreadPool.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/bench_event.h"
#include "host/base/crypto.h"

namespace modhost::bench {
namespace {

namespace net = Poco::Net;

class Handler final : public net::HTTPRequestHandler {
 public:
  explicit Handler(const host::HmacKey& key) : key_(key) {}

  void handleRequest(net::HTTPServerRequest& request, net::HTTPServerResponse& response) override {
    const auto length = static_cast<std::size_t>(request.getContentLength64());
    std::string body(length, '\0');
    request.stream().read(body.data(), static_cast<std::streamsize>(length));
    response.setStatus(isGood(request, body) ? net::HTTPResponse::HTTP_OK
                                             : net::HTTPResponse::HTTP_BAD_REQUEST);
    response.setContentType("application/json");
    const std::string answer = R"({"success":true})";
    response.sendBuffer(answer.data(), answer.size());
  }

 private:
  bool isGood(const net::HTTPServerRequest& request, const std::string& body) const {
    const auto given = host::digestFromHex(request.get("X-Unique-Signature", ""));
    if (!given || !host::equalConstantTime(key_.sign(body), *given)) return false;
    return nlohmann::json::parse(body, nullptr, false).is_object();
  }

  const host::HmacKey& key_;
};

class Handlers final : public net::HTTPRequestHandlerFactory {
 public:
  net::HTTPRequestHandler* createRequestHandler(const net::HTTPServerRequest&) override {
    return new Handler(key_);
  }

 private:
  const host::HmacKey key_{kBenchSecret};
};

net::HTTPServerParams::Ptr params(int threads) {
  net::HTTPServerParams::Ptr made = new net::HTTPServerParams;
  made->setMaxThreads(threads);
  made->setMaxQueued(4'096);
  made->setKeepAlive(true);
  made->setMaxKeepAliveRequests(0);
  return made;
}

void serve(int threads) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  net::ServerSocket socket(net::SocketAddress("127.0.0.1", 0), 1'024);
  Poco::ThreadPool pool(2, threads + 2);
  net::HTTPServer server(new Handlers, pool, socket, params(threads));
  server.start();
  std::printf("port %d\n", static_cast<int>(socket.address().port()));
  std::fflush(stdout);
  int signal = 0;
  sigwait(&stop, &signal);
}

}  // namespace
}  // namespace modhost::bench

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: bare_server THREADS\n");
    return 2;
  }
  modhost::bench::serve(std::atoi(argv[1]));
  std::_Exit(0);  // kept connections hold its threads; there is nothing to finish
}
