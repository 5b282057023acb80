// Outgoing: the sandbox's own HTTP client, for webhooks and for a language model (libcurl).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "sandbox/stop_signal.h"

namespace modhost::sandbox {

// A longer reply counts as none.
inline constexpr std::size_t kReplyBytesMax = 8 * 1024 * 1024;

struct OutgoingReply {
  int status = 0;  // 0: there was no reply, `error` says why
  std::string body;
  std::string error;  // never holds a header or a body
};

// Has to run once, before the first client and before threads start.
void initOutgoing();

// One connection that is kept between posts. Threads: one at a time. Redirects are not followed.
class HttpClient {
 public:
  // A post in flight is given up when `stop` is given.
  explicit HttpClient(const StopSignal& stop);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Posts the bytes as they are; `headers` are whole lines ("Name: value"). Bounded by `timeout` in
  // all.
  OutgoingReply post(const std::string& url, const std::vector<std::string>& headers,
                     const std::string& body, host::Milliseconds timeout);

 private:
  const StopSignal& stop_;
  void* curl_;  // CURL, owned
};

}  // namespace modhost::sandbox
