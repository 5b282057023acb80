// CurlPlatform: Platform over libcurl's multi interface. One thread drives every call, so a
// thousand calls in flight cost memory, not threads. docs/decisions/0003-libcurl-multi.md says why
// and what was tried.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/platform/platform.h"
#include "host/platform/retry_rules.h"

namespace modhost::host {

struct PlatformClientSettings {
  std::string api_base = "https://gateway.unique.app/public/chat-gen2";  // no trailing slash needed
  std::string api_key;                     // Authorization: Bearer …
  std::string app_id;                      // x-app-id
  std::string api_version = "2023-12-06";  // x-api-version
  std::string ca_file;                     // PEM file of trusted authorities; empty: the system's
  // scheme://[user:password@]host[:port] that every call goes by; empty: straight, whatever
  // variables such as https_proxy say. The platform's key is for the platform alone: an https call
  // is tunnelled.
  std::string proxy;
  // Calls share a connection where the platform's TLS offers HTTP/2; else each has its own.
  bool http2 = false;
  RetrySchedule retry;
  int connections_max = 256;         // also the calls on the wire at once; further ones wait
  std::size_t waiting_max = 16'384;  // calls in here at most; one more ends as kUnavailable at once
  Milliseconds connect_timeout{10'000};    // TCP and TLS, of one try
  Milliseconds try_timeout{300'000};       // of one try; the call's deadline bounds all of them
  std::size_t reply_max_bytes = 32 << 20;  // a longer reply ends its call as kUnavailable
};

// Beyond Platform's promise:
//  - One try is one request: libcurl's silent resend on a kept connection that died is refused,
//  since it
//    would hide a create whose fate is unknown.
//  - Only http and https, TLS always verified, no redirect followed (a 3xx is a reply), no netrc,
//  no cookies.
//  - kInvalid: the method is none of GET, POST, PATCH, PUT, DELETE, the path does not start with
//  '/' or holds
//    a blank, '#' or a control byte, or user_id or company_id holds a control byte. Nothing was
//    sent.
//  - A 429 pauses the calls of its company_id for Retry-After (or the back-off); others go on.
class CurlPlatform final : public Platform {
 public:
  // Starts the thread. `clock` times delays and deadlines, the wire itself is timed by libcurl.
  // Throws StartupError when api_base is no http(s) URL, a credential holds a control byte or
  // ca_file is unreadable.
  CurlPlatform(PlatformClientSettings settings, Clock& clock, Metrics& metrics);
  // Ends every call as kCancelled (each `done` runs, on the platform's thread) and joins. Not from
  // a `done`.
  ~CurlPlatform() override;

  PlatformCallId call(PlatformRequest request, PlatformDone done) override;
  void withdraw(PlatformCallId id) override;
  void cancel(PlatformCallId id) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace modhost::host
