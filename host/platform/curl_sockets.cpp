#include "host/platform/curl_sockets.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>

#include "host/base/startup_error.h"

namespace modhost::host {
namespace {

constexpr int kReadyAtOnce = 64;  // sockets per epoll_wait; the others come with the next

SteadyTime now() { return std::chrono::steady_clock::now(); }

std::uint32_t epollEvents(int wanted) {
  return (wanted & CURL_POLL_IN ? EPOLLIN : 0U) | (wanted & CURL_POLL_OUT ? EPOLLOUT : 0U);
}

int curlEvents(std::uint32_t ready) {
  return (ready & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
         (ready & EPOLLOUT ? CURL_CSELECT_OUT : 0) | (ready & EPOLLERR ? CURL_CSELECT_ERR : 0);
}

CURLM* makeMulti(int connections_max) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM* multi = initialised == CURLE_OK ? curl_multi_init() : nullptr;
  if (multi == nullptr) throw StartupError("", "libcurl can not be initialised");
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(connections_max));
  curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, static_cast<long>(connections_max));
  return multi;
}

}  // namespace

CurlSockets::CurlSockets(int connections_max)
    : multi_(makeMulti(connections_max)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (epoll_ < 0 || wake_ < 0) throw StartupError("", "no descriptors left for platform calls");
  epoll_event woken{};
  woken.events = EPOLLIN;
  woken.data.fd = wake_;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &woken);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, onSocket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, onTimer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
}

// Kept connections are closed here, and libcurl says so to onSocket().
CurlSockets::~CurlSockets() {
  curl_multi_cleanup(multi_);
  ::close(wake_);
  ::close(epoll_);
}

void CurlSockets::runTimers() {
  // Once: a transfer that sets the next for now (a reply that comes without end) waits its turn.
  if (!timer_ || *timer_ > now()) return;
  timer_.reset();
  int running = 0;
  curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
}

void CurlSockets::poll(Milliseconds longest) {
  std::array<epoll_event, kReadyAtOnce> ready{};
  const int count = ::epoll_wait(epoll_, ready.data(), kReadyAtOnce, timeout(longest));
  for (const epoll_event& one :
       std::span(ready).first(static_cast<std::size_t>(std::max(count, 0)))) {
    if (one.data.fd == wake_) {
      std::uint64_t wakes = 0;
      [[maybe_unused]] const auto got = ::read(wake_, &wakes, sizeof wakes);
      continue;
    }
    int running = 0;
    curl_multi_socket_action(multi_, one.data.fd, curlEvents(one.events), &running);
  }
}

void CurlSockets::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto put = ::write(wake_, &one, sizeof one);
}

int CurlSockets::timeout(Milliseconds longest) const {
  if (!timer_) return static_cast<int>(longest.count());
  const auto left = std::chrono::ceil<Milliseconds>(*timer_ - now());
  return static_cast<int>(std::clamp(left, Milliseconds(0), longest).count());
}

int CurlSockets::onSocket(CURL*, curl_socket_t socket, int wanted, void* self, void* known) {
  static_cast<CurlSockets*>(self)->watch(socket, wanted, known != nullptr);
  return 0;
}

// libcurl keeps for each socket what was assigned to it: here, that epoll knows the socket.
void CurlSockets::watch(curl_socket_t socket, int wanted, bool known) {
  if (wanted == CURL_POLL_REMOVE) {
    // Gone already if it was closed: a closed socket leaves epoll by itself.
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, nullptr);
    return;
  }
  epoll_event event{};
  event.events = epollEvents(wanted);
  event.data.fd = socket;
  const int likely = known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  const int other = known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  // A number may have become another socket's without a word; unwatched it would stay silent.
  const bool done = ::epoll_ctl(epoll_, likely, socket, &event) == 0;
  if (!done && (errno == ENOENT || errno == EEXIST)) ::epoll_ctl(epoll_, other, socket, &event);
  if (!known) curl_multi_assign(multi_, socket, this);
}

int CurlSockets::onTimer(CURLM*, long milliseconds, void* self) {
  auto& sockets = *static_cast<CurlSockets*>(self);
  sockets.timer_.reset();
  if (milliseconds >= 0) sockets.timer_ = now() + Milliseconds(milliseconds);
  return 0;
}

}  // namespace modhost::host
