// What a service manager gives to a service, from the test's side: the socket it is notified at and
// the listening sockets it hands over.
#pragma once

#include <string>
#include <vector>

#include "host/base/fd.h"

namespace modhost::host {

// Takes sd_notify()'s datagrams; its path goes into NOTIFY_SOCKET.
class NotifySocket {
 public:
  // Fails the test when `path` can not be bound.
  explicit NotifySocket(const std::string& path);

  const std::string& path() const { return path_; }
  // All datagrams so far in their order, a line end behind each.
  const std::string& said();
  // Waits for `word` behind the first `after` bytes of said(); where it begins, npos when it never
  // came.
  std::size_t awaitWord(const std::string& word, std::size_t after = 0);

 private:
  std::string path_;
  Fd socket_;
  std::string said_;
};

// A listening TCP socket on any free port. It goes on listening whoever serves it.
class ListeningSocket {
 public:
  explicit ListeningSocket(const std::string& address = "127.0.0.1");

  // At least 10, so that a child can have it under any small number.
  int fd() const { return socket_.get(); }
  int port() const { return port_; }

 private:
  Fd socket_;
  int port_ = 0;
};

struct NamedSocket {
  int fd;
  std::string name;
};

// The command line that announces `sockets` to `command` as systemd does, once they are its
// descriptors 3, 4, …: LISTEN_PID can only be known in the process itself.
std::vector<std::string> withHandedSockets(const std::vector<NamedSocket>& sockets,
                                           const std::vector<std::string>& command);

}  // namespace modhost::host
