#include "host/ingress/ingress.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/StringTokenizer.h>
#include <strings.h>

#include <algorithm>
#include <istream>
#include <typeinfo>
#include <utility>
#include <variant>

#include "host/base/log.h"
#include "host/base/mutex.h"
#include "host/base/startup_error.h"
#include "host/gate/gate_server.h"
#include "host/gate/gate_socket.h"
#include "host/ingress/http_status.h"
#include "host/ingress/webhook.h"

namespace modhost::host {

namespace {

namespace net = Poco::Net;

constexpr char kHealthPath[] = "/health";
// An answer is below 1 KiB; the kernel would hold megabytes for a sender that takes none.
constexpr int kSendBufferBytes = 16 * 1024;

// Requests that Poco is done with and whose answers wait for the inbox.
class Outstanding {
 public:
  void add() {
    MutexLock lock(mutex_);
    ++count_;
  }
  void remove() {
    MutexLock lock(mutex_);
    if (--count_ == 0) none_.notifyAll();
  }
  void waitForNone() {
    MutexLock lock(mutex_);
    while (count_ > 0) none_.wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar none_;
  int count_ GUARDED_BY(mutex_) = 0;
};

struct Site {
  Webhook& webhook;
  AnswerCounts& counts;
  Outstanding& outstanding;
  const std::string path;
};

// One of them.
class Later {
 public:
  Later(Site& site, std::unique_ptr<DeferredAnswer> answer, bool keep)
      : site_(site), answer_(std::move(answer)), keep_(keep) {
    site_.outstanding.add();
  }
  ~Later() {
    answer_.reset();
    site_.outstanding.remove();
  }
  Later(const Later&) = delete;
  Later& operator=(const Later&) = delete;

  void send(const WebhookReply& reply) {
    site_.counts.count(reply.answer);
    const bool keep = keep_ && httpStatus(reply.answer).verified && !site_.webhook.draining();
    answer_->send(wholeResponse(reply.answer, reply.why, keep), keep);
  }

 private:
  Site& site_;
  std::unique_ptr<DeferredAnswer> answer_;
  const bool keep_;
};

std::vector<std::string> valuesOf(const net::MessageHeader& fields, const char* name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : fields) {
    if (::strcasecmp(key.c_str(), name) == 0) values.push_back(value);
  }
  return values;
}

// Poco compares the whole field, and the first one alone: `close, TE` would be kept.
bool hasConnectionToken(const net::MessageHeader& fields, const char* token) {
  for (const std::string& list : valuesOf(fields, net::HTTPMessage::CONNECTION.c_str())) {
    const Poco::StringTokenizer tokens(list, ",", Poco::StringTokenizer::TOK_TRIM);
    for (const std::string& one : tokens) {
      if (::strcasecmp(one.c_str(), token) == 0) return true;
    }
  }
  return false;
}

bool wantsToStay(const net::HTTPServerRequest& request) {
  if (hasConnectionToken(request, "close")) return false;
  return request.getVersion() == net::HTTPMessage::HTTP_1_1 ||
         hasConnectionToken(request, "keep-alive");
}

std::string readBody(net::HTTPServerRequest& request) {
  const auto length = request.getContentLength64();
  std::string body;
  if (length > 0) body.reserve(static_cast<std::size_t>(length));  // the gate has bounded it
  char bytes[8192];
  while (request.stream().read(bytes, sizeof bytes) || request.stream().gcount() > 0) {
    body.append(bytes, static_cast<std::size_t>(request.stream().gcount()));
  }
  return body;
}

WebhookRequest webhookRequest(net::HTTPServerRequest& request) {
  return {{valuesOf(request, "X-Unique-Signature"), valuesOf(request, "X-Unique-Created-At")},
          readBody(request),
          request.get("X-Unique-Id", ""),
          request.clientAddress().toString(),
          valuesOf(request, "traceparent")};
}

std::string pathOf(const net::HTTPServerRequest& request) {
  return request.getURI().substr(0, request.getURI().find('?'));
}

// Threads: any.
class Handler {
 public:
  explicit Handler(Site& site) : site_(site) {}

  void handle(net::HTTPServerRequest& request, net::HTTPServerResponse& response) {
    WebhookReply reply;
    try {
      Judged judged = judge(request, response);
      if (auto* storable = std::get_if<Storable>(&judged)) {
        return storeAndAnswerLater(request, std::move(*storable));
      }
      reply = std::get<WebhookReply>(std::move(judged));
    } catch (const std::exception& error) {
      logFailure(error);
    }
    site_.counts.count(reply.answer);
    try {
      send(request, response, reply);
    } catch (const Poco::Exception& error) {  // the peer has gone, or does not read
      logDebug("ingress", "an answer was not taken", {{"why", error.displayText()}});
    }
  }

 private:
  using Judged = std::variant<WebhookReply, Storable>;

  Judged judge(net::HTTPServerRequest& request, net::HTTPServerResponse& response) {
    const std::string path = pathOf(request);
    const bool reads = request.getMethod() == "GET" || request.getMethod() == "HEAD";
    if (path == kHealthPath) {
      if (reads) return WebhookReply{Answer::kHealthy, {}};
      response.set("Allow", "GET, HEAD");
      return WebhookReply{Answer::kWrongMethod, {}};
    }
    if (path != site_.path) return WebhookReply{Answer::kNotFound, {}};
    if (request.getMethod() == "POST") return site_.webhook.judge(webhookRequest(request));
    response.set("Allow", "POST");
    return WebhookReply{Answer::kWrongMethod, {}};
  }

  // No thread waits for the fsync: Poco lets go of the request here, and the gate sends the answer
  // when the inbox says what it is.
  void storeAndAnswerLater(net::HTTPServerRequest& request, Storable storable) {
    const auto later =
        std::make_shared<Later>(site_, gateSocket(request).defer(), wantsToStay(request));
    try {
      site_.webhook.store(std::move(storable),
                          [later](const WebhookReply& reply) { later->send(reply); });
    } catch (const std::exception& error) {
      logFailure(error);
      later->send({Answer::kInternal, {}});
    }
  }

  static void logFailure(const std::exception& error) {
    logError("ingress", "a request failed", {{"exception", typeid(error).name()}});
  }

  void send(net::HTTPServerRequest& request, net::HTTPServerResponse& response,
            const WebhookReply& reply) {
    const HttpStatus status = httpStatus(reply.answer);
    response.setStatusAndReason(static_cast<net::HTTPResponse::HTTPStatus>(status.code),
                                status.reason);
    response.setContentType("application/json");
    if (mayComeAgain(reply.answer)) response.set("Retry-After", std::to_string(kRetryAfterSeconds));
    const bool keep = status.verified && wantsToStay(request) && !site_.webhook.draining();
    response.setKeepAlive(keep);
    if (keep) gateSocket(request).keepAfterAnswer();
    const std::string body = answerBody(reply.answer, reply.why);
    response.sendBuffer(body.data(), body.size());
  }

  Site& site_;
};

GateLimits gateLimits(const IngressSettings& settings) {
  return {{settings.head_max_bytes, settings.max_body_bytes},
          settings.buffered_max_bytes,
          settings.connections_max,
          settings.read_timeout,
          settings.write_timeout,
          settings.write_timeout,  // of a stop, too
          settings.idle_timeout,
          kSendBufferBytes,
          static_cast<std::size_t>(settings.threads)};
}

void checkSettings(const IngressSettings& settings) {
  const auto& secrets = settings.secrets;
  const bool an_empty_one =
      std::any_of(secrets.begin(), secrets.end(),
                  [](const SigningSecret& secret) { return secret.text.empty(); });
  if (secrets.empty() || an_empty_one) {
    throw StartupError("", "webhook.secrets: none, or an empty one; anybody could sign for it");
  }
  if (settings.path.empty() || settings.path[0] != '/' || settings.path == kHealthPath) {
    throw StartupError("",
                       "webhook.path: must begin with / and not be " + std::string(kHealthPath));
  }
  const std::size_t largest = settings.head_max_bytes + settings.max_body_bytes;
  if (settings.buffered_max_bytes < largest) {
    throw StartupError("", "gate.buffered_max: must hold gate.head_max and webhook.max_body, " +
                               std::to_string(largest) +
                               " bytes; the largest events would be told to come again for ever");
  }
}

GateServerSettings serverSettings(const IngressSettings& settings) {
  checkSettings(settings);
  return {
      "webhook",           "listen", settings.listen_host, settings.listen_port, settings.listener,
      gateLimits(settings)};
}

Answer answerTo(Refusal why) {
  switch (why) {
    case Refusal::kHeadTooLarge:
      return Answer::kHeadTooLarge;
    case Refusal::kBodyTooLarge:
      return Answer::kBodyTooLarge;
    case Refusal::kReadTimeout:
      return Answer::kReadTimeout;
    case Refusal::kOverloaded:
      return Answer::kOverloaded;
    case Refusal::kDraining:
      return Answer::kDraining;
    case Refusal::kMalformed:
      break;
  }
  return Answer::kMalformed;
}

}  // namespace

struct Ingress::Impl {
  Impl(Clock& clock, Metrics& m, Inbox& inbox, CurrentRoutes& routes,
       const IngressSettings& settings)
      : metrics(m),
        counts(m),
        webhook(clock, m, inbox, routes, settings),
        site{webhook, counts, outstanding, settings.path},
        handler(site),
        server(clock, serverSettings(settings),
               [this](net::HTTPServerRequest& request, net::HTTPServerResponse& response) {
                 handler.handle(request, response);
               }) {}

  Metrics& metrics;
  AnswerCounts counts;
  Webhook webhook;
  Outstanding outstanding;
  Site site;
  Handler handler;
  GateServer server;
};

Ingress::Ingress(Clock& clock, Metrics& metrics, Inbox& inbox, CurrentRoutes& routes,
                 const IngressSettings& settings)
    : impl_(std::make_unique<Impl>(clock, metrics, inbox, routes, settings)) {}

Ingress::~Ingress() { stop(); }

int Ingress::port() const { return impl_->server.port(); }

void Ingress::start() {
  impl_->server.start(impl_->metrics, [this](Refusal why) {
    impl_->counts.count(answerTo(why));
    return closingResponse(answerTo(why));
  });
}

void Ingress::apply(const IngressSettings& settings) { impl_->webhook.apply(settings); }
SecretCounts Ingress::secrets() const { return impl_->webhook.secrets(); }

void Ingress::drain() { impl_->webhook.drain(); }

void Ingress::stop() {
  impl_->server.stop();
  impl_->outstanding.waitForNone();
}

}  // namespace modhost::host
