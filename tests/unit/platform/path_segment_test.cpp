#include <doctest/doctest.h>

#include "host/platform/platform.h"

namespace modhost::host {

TEST_SUITE("platform") {
  TEST_CASE("path segment: leaves what needs no encoding") {
    CHECK(pathSegment("msg_a-1.B~9") == "msg_a-1.B~9");
  }

  TEST_CASE("path segment: encodes like a form so that an id can not add a segment or a query") {
    CHECK(pathSegment("a b") == "a+b");
    CHECK(pathSegment("a/b?c#d&e=f+g%") == "a%2Fb%3Fc%23d%26e%3Df%2Bg%25");
    CHECK(pathSegment("\r\n\xc3\xbc") == "%0D%0A%C3%BC");
  }
}

}  // namespace modhost::host
