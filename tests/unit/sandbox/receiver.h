// A host's webhook as a test needs it: records what arrives and answers what the script says.
#pragma once

#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/StreamCopier.h>

#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "host/base/mutex.h"

namespace modhost::sandbox {

struct Received {
  std::map<std::string, std::string> headers;  // as they were written
  std::string body;
};

class Receiver {
 public:
  // The n-th request gets the n-th status of `statuses`; later ones get `otherwise`. An answer
  // other than 200 has `body`.
  explicit Receiver(std::deque<int> statuses = {}, int otherwise = 200, std::string body = "{}")
      : statuses_(std::move(statuses)), otherwise_(otherwise), body_(std::move(body)) {
    socket_.bind(Poco::Net::SocketAddress("127.0.0.1:0"), true, false);
    socket_.listen();
    server_ = std::make_unique<Poco::Net::HTTPServer>(new Factory(*this), socket_,
                                                      new Poco::Net::HTTPServerParams);
    server_->start();
  }
  ~Receiver() { server_->stopAll(true); }

  std::string url() const { return "http://" + socket_.address().toString() + "/webhook"; }

  // All requests so far, once there are `count`; fewer only after a minute.
  std::vector<Received> waitFor(std::size_t count) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    host::MutexLock lock(mutex_);
    while (received_.size() < count && std::chrono::steady_clock::now() < end) {
      changed_.waitUntil(mutex_, end);
    }
    return received_;
  }

 private:
  class Handler final : public Poco::Net::HTTPRequestHandler {
   public:
    explicit Handler(Receiver& receiver) : receiver_(receiver) {}
    void handleRequest(Poco::Net::HTTPServerRequest& request,
                       Poco::Net::HTTPServerResponse& response) override {
      Received received;
      for (const auto& [name, value] : request) received.headers[name] = value;
      Poco::StreamCopier::copyToString(request.stream(), received.body);
      response.setStatus(
          static_cast<Poco::Net::HTTPResponse::HTTPStatus>(receiver_.take(std::move(received))));
      response.sendBuffer(receiver_.body_.data(), receiver_.body_.size());
    }

   private:
    Receiver& receiver_;
  };

  class Factory final : public Poco::Net::HTTPRequestHandlerFactory {
   public:
    explicit Factory(Receiver& receiver) : receiver_(receiver) {}
    Poco::Net::HTTPRequestHandler* createRequestHandler(
        const Poco::Net::HTTPServerRequest&) override {
      return new Handler(receiver_);
    }

   private:
    Receiver& receiver_;
  };

  int take(Received received) {
    host::MutexLock lock(mutex_);
    received_.push_back(std::move(received));
    changed_.notifyAll();
    if (statuses_.empty()) return otherwise_;
    const int status = statuses_.front();
    statuses_.pop_front();
    return status;
  }

  host::Mutex mutex_;
  host::CondVar changed_;
  std::vector<Received> received_ GUARDED_BY(mutex_);
  std::deque<int> statuses_ GUARDED_BY(mutex_);
  const int otherwise_;
  const std::string body_;
  Poco::Net::ServerSocket socket_;
  std::unique_ptr<Poco::Net::HTTPServer> server_;
};

}  // namespace modhost::sandbox
