#include "host/cli/http_client.h"

#include <curl/curl.h>

#include <array>
#include <memory>

namespace modhost::host {
namespace {

constexpr std::size_t kReplyBytesMax = 64 * 1024 * 1024;

struct CurlDeleter {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Curl = std::unique_ptr<CURL, CurlDeleter>;
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

HeaderList headerList(const std::vector<std::string>& headers) {
  HeaderList list;
  for (const std::string& line : headers) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) break;
    list.release();
    list.reset(longer);
  }
  return list;
}

bool isLoopback(const std::string& url) {
  for (const char* host : {"://127.", "://localhost", "://[::1]"}) {
    if (url.find(host) < sizeof "https") return true;
  }
  return false;
}

// Taking less than was offered ends the transfer.
std::size_t keepBytes(char* bytes, std::size_t, std::size_t count, void* raw) {
  auto& body = *static_cast<std::string*>(raw);
  if (body.size() + count > kReplyBytesMax) return 0;
  body.append(bytes, count);
  return count;
}

void setBody(CURL* curl, const HttpRequest& request) {
  if (request.method == "GET") return;
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

Error errorFor(CURLcode code, const char* detail) {
  const std::string message = *detail != '\0' ? detail : curl_easy_strerror(code);
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {ErrorKind::kInvalid, message};
    case CURLE_OPERATION_TIMEDOUT:
      return {ErrorKind::kTimeout, message};
    default:
      return {ErrorKind::kUnavailable, message};
  }
}

}  // namespace

Result<HttpReply> httpCall(const HttpRequest& request) {
  const Curl curl(curl_easy_init());
  if (!curl) return Error{ErrorKind::kUnavailable, "libcurl cannot start"};
  const HeaderList headers = headerList(request.headers);
  HttpReply reply;
  std::array<char, CURL_ERROR_SIZE> detail{};
  curl_easy_setopt(curl.get(), CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_PATH_AS_IS, 1L);  // an event may be called ".."
  if (isLoopback(request.url)) curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, keepBytes);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &reply.body);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, detail.data());
  setBody(curl.get(), request);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) return errorFor(code, detail.data());
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  return reply;
}

}  // namespace modhost::host
