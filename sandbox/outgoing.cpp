#include "sandbox/outgoing.h"

#include <curl/curl.h>

#include <array>

#include "host/base/assert.h"

namespace modhost::sandbox {
namespace {

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

HeaderList headerList(const std::vector<std::string>& headers) {
  HeaderList list;
  for (const std::string& line : headers) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    MODHOST_ASSERT(longer != nullptr);
    list.release();
    list.reset(longer);
  }
  return list;
}

// A desk's own programs are never reached through a proxy.
bool isLoopback(const std::string& url) {
  for (const char* host : {"://127.", "://localhost", "://[::1]"}) {
    if (url.find(host) < sizeof "https") return true;
  }
  return false;
}

// Returning less than was offered makes curl end the transfer with CURLE_WRITE_ERROR.
std::size_t keepBytes(char* bytes, std::size_t, std::size_t count, void* raw) {
  auto& body = *static_cast<std::string*>(raw);
  if (body.size() + count > kReplyBytesMax) return 0;
  body.append(bytes, count);
  return count;
}

int endWhenStopped(void* raw, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const StopSignal*>(raw)->stopped() ? 1 : 0;
}

}  // namespace

void initOutgoing() { MODHOST_ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); }

HttpClient::HttpClient(const StopSignal& stop) : stop_(stop), curl_(curl_easy_init()) {
  MODHOST_ASSERT(curl_ != nullptr);
}

HttpClient::~HttpClient() { curl_easy_cleanup(curl_); }

OutgoingReply HttpClient::post(const std::string& url, const std::vector<std::string>& headers,
                               const std::string& body, host::Milliseconds timeout) {
  OutgoingReply reply;
  std::array<char, CURL_ERROR_SIZE> error{};
  const HeaderList list = headerList(headers);
  curl_easy_reset(curl_);  // forgets options, keeps connections
  curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl_, CURLOPT_PROTOCOLS_STR, "http,https");
  if (isLoopback(url)) curl_easy_setopt(curl_, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, list.get());
  curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, body.c_str());
  curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, keepBytes);
  curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &reply.body);
  curl_easy_setopt(curl_, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl_, CURLOPT_XFERINFOFUNCTION, endWhenStopped);
  curl_easy_setopt(curl_, CURLOPT_XFERINFODATA, &stop_);
  curl_easy_setopt(curl_, CURLOPT_ERRORBUFFER, error.data());
  const CURLcode code = curl_easy_perform(curl_);
  curl_easy_setopt(curl_, CURLOPT_ERRORBUFFER, nullptr);
  if (code != CURLE_OK) {
    reply.error = error[0] != '\0' ? error.data() : curl_easy_strerror(code);
    return reply;
  }
  long status = 0;
  curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  return reply;
}

}  // namespace modhost::sandbox
