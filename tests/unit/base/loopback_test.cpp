#include "host/base/loopback.h"

#include <doctest/doctest.h>

namespace modhost::host {

TEST_SUITE("base") {
  TEST_CASE("loopback: only addresses of this machine are") {
    for (const char* host : {"localhost", "127.0.0.1", "127.8.9.10", "::1", "[::1]"}) {
      CHECK_MESSAGE(isLoopbackHost(host), host);
    }
    for (const char* host :
         {"", "0.0.0.0", "::", "10.0.0.1", "127.0.0.1.evil.example", "127.evil.example",
          "128.0.0.1", "127.1", "localhost.evil.example", "[::2]"}) {
      CHECK_MESSAGE(!isLoopbackHost(host), host);
    }
  }
}

}  // namespace modhost::host
