// CurlTry: one request on the wire, the owner of one libcurl easy handle. It is used again for
// later tries, which keeps the handle's allocations.
#pragma once

#include <curl/curl.h>

#include <array>
#include <string>

#include "host/platform/curl_platform.h"

namespace modhost::host {

// Threads: one. The handle's callbacks point here, so a CurlTry never moves.
class CurlTry {
 public:
  // `settings` must outlive this. Throws std::bad_alloc.
  explicit CurlTry(const PlatformClientSettings& settings);
  ~CurlTry();
  CurlTry(const CurlTry&) = delete;
  CurlTry& operator=(const CurlTry&) = delete;

  // Makes the handle ready for one perform. `request` must live until finish() or until the handle
  // left its multi handle: its body is not copied. `owner` comes back from owner(). `after_silence`: the
  // try before this one of the same request ended without a reply; by HTTP/2 this one then makes a
  // connection of its own.
  void prepare(const PlatformRequest& request, Milliseconds timeout, bool after_silence,
               void* owner);

  // What came of it. Error texts are libcurl's fixed phrases, which never hold URL, header or body.
  Result<PlatformReply> finish(CURLcode code);

  CURL* handle() const { return easy_; }
  static void* owner(CURL* easy);
  // Some byte of the request may have been sent.
  bool left() const { return requests_ > 0; }
  // After finish(): another try can not end better (a certificate that is not trusted, too long a
  // reply).
  bool hopeless() const { return hopeless_; }
  // The reply's Retry-After, trimmed; empty when there was none.
  const std::string& retryAfter() const { return retry_after_; }

 private:
  static int beforeRequest(void* self, char*, char*, int, int);
  static std::size_t onBody(char* data, std::size_t, std::size_t size, void* self);
  static std::size_t onHeader(char* data, std::size_t, std::size_t size, void* self);
  void setWhatStays();
  void setProtocol();
  void setProxy();
  void setCallbacks();
  void linkHeaders();
  void setSharing(bool after_silence);
  void setMethodAndBody(const PlatformRequest& request);

  const PlatformClientSettings& settings_;
  const bool http2_;
  CURL* easy_;
  // libcurl reads the list and copies nothing of it. The user's, the company's and
  // the trace are each try's own.
  std::array<std::string, 8> headers_;
  std::array<curl_slist, 8> header_list_{};
  std::string body_;
  std::string retry_after_;
  int requests_ = 0;
  bool too_large_ = false;
  bool hopeless_ = false;
};

}  // namespace modhost::host
