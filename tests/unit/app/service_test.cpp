#include "host/app/service.h"

#include <doctest/doctest.h>

namespace modhost::host {

TEST_SUITE("app") {
  TEST_CASE("service: a webhook socket open to others while listen is loopback is warned about") {
    Settings settings;
    settings.listen_host = "127.0.0.1";

    const std::vector<std::string> warnings = handedWarnings({{3, "[::]"}, {}}, settings);

    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].find("listen is 127.0.0.1, which is not used") == 0);
    CHECK(warnings[0].find("open to others ([::])") != std::string::npos);
    CHECK(handedWarnings({{3, "127.0.0.1"}, {}}, settings).empty());
    CHECK(handedWarnings({}, settings).empty());
    settings.listen_host = "0.0.0.0";
    CHECK(handedWarnings({{3, "0.0.0.0"}, {}}, settings).empty());
  }
}

}  // namespace modhost::host
