// load_platform [OTHER_MS COMPLETION_MS]: a platform that is never the limit. One thread and epoll;
// it serves the seven calls of rag-responder with fixed replies, after OTHER_MS (COMPLETION_MS for
// the completion) of its own, and keeps the times of each conversation. Prints its port, serves
// until it is killed. GET /bench/ends and /bench/summary: see Conversations.
//
// A reply's own delay counts from the call's last byte to the moment its reply is handed to the
// kernel, so that a late timer of this program is never held against the host.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "bench/bench_event.h"
#include "bench/conversations.h"
#include "bench/http_peer.h"
#include "host/base/fd.h"

namespace modhost::bench {
namespace {

constexpr std::string_view kDocuments =
    R"([{"id":"cont_1","chunkId":"chunk_1","key":"fees-1.pdf","title":"Fees 1","url":null,)"
    R"("text":"Text of document 1","order":1,"startPage":1,"endPage":-1,"object":"search.search"},)"
    R"({"id":"cont_2","chunkId":"chunk_2","key":"fees-2.pdf","title":"Fees 2","url":null,)"
    R"("text":"Text of document 2","order":2,"startPage":1,"endPage":-1,"object":"search.search"},)"
    R"({"id":"cont_3","chunkId":"chunk_3","key":"fees-3.pdf","title":"Fees 3","url":null,)"
    R"("text":"Text of document 3","order":3,"startPage":1,"endPage":-1,"object":"search.search"}])";

struct Delays {
  std::chrono::milliseconds other{}, completion{};
};

struct Reply {
  int status = 200;
  std::string body;
  std::chrono::milliseconds delay{};
  bool ends_conversation = false;
  bool apology = false;
};

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string rowJson(const std::string& id) {
  return R"({"id":")" + id + R"(","messageId":"m","status":"RUNNING","text":"","order":1,)" +
         R"("details":null,"references":[]})";
}

// The order of the cases is that of the seven calls' frequency.
Reply replyTo(std::string_view line, std::string_view body, const std::string& marker,
              std::uint64_t serial, const Delays& delays) {
  if (has(line, "PATCH ") && has(line, "/message-log/")) {
    return {200, rowJson("log_" + marker), delays.other};
  }
  if (has(line, "POST ") && has(line, "/message-log ")) {
    return {201, rowJson("log_" + marker + "_" + std::to_string(serial)), delays.other};
  }
  if (has(line, "PATCH ") && has(line, "/messages/")) {
    return {200, R"({"id":"m","chatId":"c","text":"","role":"ASSISTANT","object":"message"})",
            delays.other, true, !has(body, kBenchAnswer)};
  }
  if (has(line, "/search/search ")) return {200, std::string(kDocuments), delays.other};
  if (has(line, "/openai/chat/completions ")) {
    return {200,
            std::string(R"({"model":"m","choices":[{"index":0,"message":{"role":"assistant",)") +
                R"("content":")" + kBenchAnswer + R"("},"finish_reason":"stop"}]})",
            delays.completion};
  }
  return {404, R"({"error":"Not Found"})", {}};
}

std::string wire(int status, std::string_view body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

class LoadPlatform {
 public:
  explicit LoadPlatform(Delays delays)
      : delays_(delays),
        listener_(listenOnLoopback(port_)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    watch(listener_.get());
  }

  int port() const { return port_; }

  [[noreturn]] void serve() {
    std::array<epoll_event, 512> events;
    for (;;) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), msUntilDue());
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        fd == listener_.get() ? acceptAll() : read(fd);
      }
      sendDue();
    }
  }

 private:
  struct Peer {
    host::Fd fd;
    std::uint64_t serial = 0;  // tells one connection from the next with the same descriptor
    std::string received;
  };
  struct Due {
    SteadyTime at{}, came_at{};
    int fd = 0;
    std::uint64_t serial = 0;
    Reply reply;
    std::optional<Marker> marker;
  };
  struct Later {
    bool operator()(const std::unique_ptr<Due>& a, const std::unique_ptr<Due>& b) const {
      return a->at > b->at;
    }
  };

  static SteadyTime now() { return std::chrono::steady_clock::now(); }

  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }

  void acceptAll() {
    for (;;) {
      host::Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!fd.valid()) return;
      const int on = 1;
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      conversations_.countConnect();
      const int number = fd.get();
      watch(number);
      peers_[number] = {std::move(fd), ++serials_, {}};
    }
  }

  void read(int fd) {
    Peer& peer = peers_[fd];
    std::array<char, 65'536> buffer;
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      peers_.erase(fd);
      return;
    }
    peer.received.append(buffer.data(), static_cast<std::size_t>(got));
    std::size_t used = 0;
    while (const auto message = wholeMessage(std::string_view(peer.received).substr(used))) {
      handle(peer, *message);
      used += message->bytes;
    }
    peer.received.erase(0, used);
  }

  void handle(const Peer& peer, const HttpMessage& message) {
    if (has(message.start_line, " /bench/")) return control(peer, message);
    conversations_.countCall();
    auto due = std::make_unique<Due>();
    due->marker = findMarker(message.start_line);
    if (!due->marker) due->marker = findMarker(message.body);
    const std::string marker = due->marker ? markerText(*due->marker) : "bare";
    due->reply = replyTo(message.start_line, message.body, marker, ++serials_, delays_);
    due->came_at = now();
    due->at = due->came_at + due->reply.delay;
    due->fd = peer.fd.get();
    due->serial = peer.serial;
    if (due->reply.delay.count() == 0) return send(*due);
    due_.push(std::move(due));
  }

  void control(const Peer& peer, const HttpMessage& message) {
    const bool ends = has(message.start_line, " /bench/ends ");
    transmit(peer.fd.get(), wire(200, ends ? conversations_.ends() : conversations_.summary()));
  }

  void sendDue() {
    while (!due_.empty() && due_.top()->at <= now()) {
      send(*due_.top());
      due_.pop();
    }
  }

  void send(const Due& due) {
    const auto peer = peers_.find(due.fd);
    if (peer == peers_.end() || peer->second.serial != due.serial) return;
    const SteadyTime answered_at = now();
    if (due.marker && due.reply.ends_conversation) {
      // The answer stands from the moment it came; this call's own delay is not waited for.
      conversations_.ended(*due.marker, due.reply.apology, due.came_at);
    } else if (due.marker) {
      conversations_.called(*due.marker, answered_at - due.came_at);
    }
    transmit(due.fd, wire(due.reply.status, due.reply.body));
  }

  // Replies are smaller than a socket's buffer and a client waits for one before its next call.
  static void transmit(int fd, const std::string& bytes) {
    ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  int msUntilDue() const {
    if (due_.empty()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(due_.top()->at - now()).count();
    return left > 0 ? static_cast<int>(left) : 0;
  }

  const Delays delays_;
  int port_ = 0;
  host::Fd listener_, epoll_;
  std::map<int, Peer> peers_;
  std::uint64_t serials_ = 0;
  std::priority_queue<std::unique_ptr<Due>, std::vector<std::unique_ptr<Due>>, Later> due_;
  Conversations conversations_;
};

}  // namespace
}  // namespace modhost::bench

int main(int argc, char** argv) {
  using std::chrono::milliseconds;
  modhost::bench::Delays delays;
  if (argc == 3) delays = {milliseconds(std::atoi(argv[1])), milliseconds(std::atoi(argv[2]))};
  modhost::bench::raiseFileLimit();
  modhost::bench::LoadPlatform platform(delays);
  std::printf("port %d\n", platform.port());
  std::fflush(stdout);
  platform.serve();
}
