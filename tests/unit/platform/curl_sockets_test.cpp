// The join of libcurl and epoll: which sockets it watches.
#include "host/platform/curl_sockets.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/base/fd.h"
#include "tests/support/eventually.h"
#include "tests/support/recording_platform.h"

namespace modhost::host {
namespace {

Fd connectTo(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

struct Transfer {
  CURL* easy = curl_easy_init();
  int port = 0, socket = -1;

  static curl_socket_t open(void* self, curlsocktype, curl_sockaddr* address) {
    const int type = address->socktype | SOCK_CLOEXEC;
    return static_cast<Transfer*>(self)->socket = ::socket(address->family, type, 0);
  }
  static std::size_t drop(char*, std::size_t, std::size_t size, void*) { return size; }
  static int replaceSocket(void* self, char*, char*, int, int) {
    const auto& transfer = *static_cast<Transfer*>(self);
    const Fd another = connectTo(transfer.port);
    return ::dup3(another.get(), transfer.socket, O_CLOEXEC) < 0 ? CURL_PREREQFUNC_ABORT
                                                                 : CURL_PREREQFUNC_OK;
  }
};

bool hasEnded(CurlSockets& sockets) {
  sockets.runTimers();
  sockets.poll(Milliseconds(10));
  int left = 0;
  const CURLMsg* message = curl_multi_info_read(sockets.multi(), &left);
  return message != nullptr && message->data.result == CURLE_OK;
}

}  // namespace

// epoll forgets a closed socket by itself, and libcurl does not always say that it closed one.
TEST_SUITE("platform") {
  TEST_CASE("curl sockets: a number that became another socket's is watched again") {
    RecordingPlatform server;
    CurlSockets sockets(4);
    Transfer transfer;
    transfer.port = server.port();
    const std::string url = server.apiBase() + "/messages/x";
    curl_easy_setopt(transfer.easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(transfer.easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(transfer.easy, CURLOPT_OPENSOCKETFUNCTION, Transfer::open);
    curl_easy_setopt(transfer.easy, CURLOPT_OPENSOCKETDATA, &transfer);
    curl_easy_setopt(transfer.easy, CURLOPT_PREREQFUNCTION, Transfer::replaceSocket);
    curl_easy_setopt(transfer.easy, CURLOPT_PREREQDATA, &transfer);
    curl_easy_setopt(transfer.easy, CURLOPT_WRITEFUNCTION, Transfer::drop);
    const auto hold = server.hold({"GET", "/messages/x"}, true);

    curl_multi_add_handle(sockets.multi(), transfer.easy);
    CHECK(eventually([&] { return hasEnded(sockets) || hold->arrived() > 0; }));
    for (int i = 0; i < 20; ++i) hasEnded(sockets);  // no timer of the request's beginning is left
    hold->release();
    CHECK(eventually([&] { return hasEnded(sockets); }));

    curl_multi_remove_handle(sockets.multi(), transfer.easy);
    curl_easy_cleanup(transfer.easy);
  }
}

}  // namespace modhost::host
