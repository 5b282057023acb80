#include "host/platform/curl_try.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

namespace modhost::host {
namespace {

// Gateways drop idle connections after a minute or more; an older one is not worth the gamble.
constexpr long kIdleConnectionSeconds = 45;
// A shared connection outlives the calls on it that time out, so its age is bounded as well.
constexpr long kSharedConnectionSeconds = 300;
// What was sent, and not acknowledged or not taken for so long, ends its connection: a path that went away
// without a word (a gateway's table, a machine) is noticed long before the call's own time is over.
constexpr Milliseconds kUnacknowledged{60'000};

// Behind those that stay the same.
constexpr std::size_t kUserHeader = 5;
constexpr std::size_t kCompanyHeader = 6;
constexpr std::size_t kTraceHeader = 7;  // the last; empty: not sent

bool canNeverWork(CURLcode code) {
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_URL_MALFORMAT:
      return true;
    default:
      return false;
  }
}

std::string traceHeader(const PlatformRequest& request) {
  if (!request.origin || request.span_id.empty()) return {};
  return "traceparent: " + traceparentText(request.origin->trace, request.span_id);
}

// It would also end a connection that is still being made.
int onNewSocket(void* settings, curl_socket_t fd, curlsocktype) {
  const Milliseconds connect = static_cast<PlatformClientSettings*>(settings)->connect_timeout;
  const int ms = static_cast<int>(std::max(kUnacknowledged, connect).count());
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
  return CURL_SOCKOPT_OK;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

CurlTry::CurlTry(const PlatformClientSettings& settings)
    : settings_(settings),
      http2_(settings.http2 && settings.api_base.starts_with("https://")),
      easy_(curl_easy_init()),
      headers_{"Authorization: Bearer " + settings.api_key, "x-app-id: " + settings.app_id,
               "x-api-version: " + settings.api_version, "Content-Type: application/json",
               // A body above 1 MiB would wait a second for a 100 that rarely comes.
               "Expect:"} {
  if (easy_ == nullptr) throw std::bad_alloc();
  setWhatStays();
}

CurlTry::~CurlTry() { curl_easy_cleanup(easy_); }

void CurlTry::setWhatStays() {
  setProtocol();
  setProxy();
  setCallbacks();
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, "modhost/" MODHOST_VERSION);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(settings_.connect_timeout.count()));
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  // A resolver that hangs is left behind; it would be waited for on the platform's thread.
  curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy_, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy_, CURLOPT_SOCKOPTFUNCTION, onNewSocket);
  curl_easy_setopt(easy_, CURLOPT_SOCKOPTDATA, &settings_);
  curl_easy_setopt(easy_, CURLOPT_MAXAGE_CONN, kIdleConnectionSeconds);
}

void CurlTry::setProtocol() {
  // By HTTP/1.1 a connection bears one request at a time, so that a cut makes one call's fate unknown,
  // not a hundred.
  const long version = http2_ ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, version);
  if (http2_) curl_easy_setopt(easy_, CURLOPT_MAXLIFETIME_CONN, kSharedConnectionSeconds);
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!settings_.ca_file.empty()) {
    curl_easy_setopt(easy_, CURLOPT_CAINFO, settings_.ca_file.c_str());
    curl_easy_setopt(easy_, CURLOPT_PROXY_CAINFO, settings_.ca_file.c_str());
  }
}

// Both set even when empty, or libcurl would ask the environment.
void CurlTry::setProxy() {
  curl_easy_setopt(easy_, CURLOPT_PROXY, settings_.proxy.c_str());
  curl_easy_setopt(easy_, CURLOPT_NOPROXY, "");
  curl_easy_setopt(easy_, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
}

void CurlTry::setCallbacks() {
  curl_easy_setopt(easy_, CURLOPT_PREREQFUNCTION, beforeRequest);
  curl_easy_setopt(easy_, CURLOPT_PREREQDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, onBody);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, onHeader);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
}

void CurlTry::prepare(const PlatformRequest& request, Milliseconds timeout, bool after_silence,
                      void* owner) {
  body_.clear();
  retry_after_.clear();
  requests_ = 0;
  too_large_ = false;
  hopeless_ = false;
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, owner);
  curl_easy_setopt(easy_, CURLOPT_URL, (settings_.api_base + request.path).c_str());
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  headers_[kUserHeader] = "x-user-id: " + request.user_id;
  headers_[kCompanyHeader] = "x-company-id: " + request.company_id;
  headers_[kTraceHeader] = traceHeader(request);
  linkHeaders();
  setSharing(after_silence);
  setMethodAndBody(request);
}

// A first try rather waits for a connection that is being made than makes one of its own. A connection that
// went silent may stay silent for all others, and libcurl keeps it: a further try must not go there.
void CurlTry::setSharing(bool after_silence) {
  if (!http2_) return;
  curl_easy_setopt(easy_, CURLOPT_PIPEWAIT, after_silence ? 0L : 1L);
  curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, after_silence ? 1L : 0L);
}

void CurlTry::linkHeaders() {
  for (std::size_t i = 0; i < headers_.size(); ++i) {
    const bool last = i + 1 == headers_.size() || headers_[i + 1].empty();
    header_list_[i] = {headers_[i].data(), last ? nullptr : &header_list_[i + 1]};
  }
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, header_list_.data());
}

// The handle still has what the try before this set.
void CurlTry::setMethodAndBody(const PlatformRequest& request) {
  const bool bare = request.body.empty() && (request.method == "GET" || request.method == "DELETE");
  if (bare) {
    curl_easy_setopt(easy_, CURLOPT_HTTPGET, 1L);
  } else {
    curl_easy_setopt(easy_, CURLOPT_POST, 1L);
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request.body.data());
  }
  curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

Result<PlatformReply> CurlTry::finish(CURLcode code) {
  if (code == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    return PlatformReply{static_cast<int>(status), std::move(body_)};
  }
  hopeless_ = too_large_ || canNeverWork(code);
  if (too_large_) return Error{ErrorKind::kUnavailable, "the reply is longer than reply_max_bytes"};
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return Error{ErrorKind::kTimeout, left() ? "no reply in time" : "no connection in time"};
  }
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    return Error{ErrorKind::kUnavailable, "the connection was lost before a reply came"};
  }
  return Error{ErrorKind::kUnavailable, curl_easy_strerror(code)};
}

void* CurlTry::owner(CURL* easy) {
  char* raw = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &raw);
  return raw;
}

// Runs before each request of this handle. A second one is libcurl's resend after a kept connection
// died under the first, which may have arrived: our own retry rules count and space that.
int CurlTry::beforeRequest(void* self, char*, char*, int, int) {
  auto& one = *static_cast<CurlTry*>(self);
  if (one.requests_ > 0) return CURL_PREREQFUNC_ABORT;
  ++one.requests_;
  return CURL_PREREQFUNC_OK;
}

std::size_t CurlTry::onBody(char* data, std::size_t, std::size_t size, void* self) {
  auto& one = *static_cast<CurlTry*>(self);
  if (one.body_.size() + size > one.settings_.reply_max_bytes) {
    one.too_large_ = true;
    return 0;
  }
  one.body_.append(data, size);
  return size;
}

std::size_t CurlTry::onHeader(char* data, std::size_t, std::size_t size, void* self) {
  constexpr std::string_view kRetryAfter = "retry-after:";
  const std::string_view line(data, size);
  if (size > kRetryAfter.size() &&
      ::strncasecmp(data, kRetryAfter.data(), kRetryAfter.size()) == 0) {
    static_cast<CurlTry*>(self)->retry_after_ = trimmed(line.substr(kRetryAfter.size()));
  }
  return size;
}

}  // namespace modhost::host
