// HttpClient: the one HTTP call of `ask` and `send` (libcurl); what runs in the host uses platform/
// instead.
#pragma once

#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/result.h"

namespace modhost::host {

struct HttpRequest {
  std::string method = "GET";
  std::string url;                   // http:// or https://
  std::vector<std::string> headers;  // whole lines, "Name: value"
  std::string body;
  Milliseconds timeout{30'000};  // of the whole call
};

struct HttpReply {
  int status = 0;
  std::string body;
};

// Sends once and waits. Redirects are not followed; loopback addresses never go through a proxy.
// kInvalid: not a URL that can be called. kTimeout. kUnavailable: no connection, cut, or a reply
// over 64 MiB.
Result<HttpReply> httpCall(const HttpRequest& request);

}  // namespace modhost::host
