// Just enough HTTP/1.1 for benchmarks: requests and responses with a Content-Length, over loopback
// sockets. Not for strangers: the peers are this project's own programs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "host/base/fd.h"

namespace modhost::bench {

// One message at the beginning of some received bytes.
struct HttpMessage {
  std::string_view start_line;
  std::string_view body;
  std::size_t bytes = 0;  // of all of it
};
// nullopt: it is not whole yet. The views point into `received`.
std::optional<HttpMessage> wholeMessage(std::string_view received);

// Listens on 127.0.0.1 at a free port, non-blocking. Throws std::system_error.
host::Fd listenOnLoopback(int& port);
// Connects to 127.0.0.1 with TCP_NODELAY; blocking, or not. Throws std::system_error.
host::Fd connectToLoopback(int port);
void setNonBlocking(int fd);
// This process may open as many files as the system lets it.
void raiseFileLimit();

// One keep-alive connection of a client. Threads: one.
class HttpClient {
 public:
  explicit HttpClient(int port) : port_(port) {}

  struct Reply {
    int status = 0;  // 0: the connection broke; the next exchange() opens a new one
    std::string body;
  };
  // Sends the bytes of one whole request and waits for the whole response.
  Reply exchange(std::string_view request);

 private:
  bool send(std::string_view bytes);
  Reply receive();

  const int port_;
  host::Fd fd_;
  std::string received_;
};

}  // namespace modhost::bench
