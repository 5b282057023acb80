// CurlSockets: a libcurl multi handle driven by epoll, so that a round of the loop costs what has
// happened, not what is on the wire: curl_multi_perform() and curl_multi_poll() look at every
// transfer each time.
// https://curl.se/libcurl/c/libcurl-multi.html, "multi_socket"
#pragma once

#include <curl/curl.h>

#include <optional>

#include "host/base/clock.h"

namespace modhost::host {

// Threads: wake() from any; everything else from one, which need not be the constructor's.
class CurlSockets {
 public:
  // Transfers are added to multi() and removed from it by its owner's thread; before the destructor
  // runs all of them are gone. Keeps at most `connections_max` connections for further calls.
  // Throws StartupError.
  explicit CurlSockets(int connections_max);
  ~CurlSockets();
  CurlSockets(const CurlSockets&) = delete;
  CurlSockets& operator=(const CurlSockets&) = delete;

  CURLM* multi() const { return multi_; }

  // Lets libcurl begin what was added, and do what is due by its own timers.
  void runTimers();
  // Waits until a socket is ready, a timer is due or somebody called wake(), at most `longest`; then
  // lets libcurl work on the ready sockets. What has ended stands in curl_multi_info_read().
  void poll(Milliseconds longest);
  // The poll() that runs, or else the next one, returns at once.
  void wake();

 private:
  static int onSocket(CURL*, curl_socket_t socket, int wanted, void* self, void* known);
  static int onTimer(CURLM*, long milliseconds, void* self);
  void watch(curl_socket_t socket, int wanted, bool known);
  int timeout(Milliseconds longest) const;

  CURLM* multi_ = nullptr;
  int epoll_ = -1;
  int wake_ = -1;                      // an eventfd
  std::optional<SteadyTime> timer_{};  // libcurl's, by the machine's clock
};

}  // namespace modhost::host
