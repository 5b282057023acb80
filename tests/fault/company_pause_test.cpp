// A 429 is one company's matter.
#include "tests/fault/scripted.h"

namespace modhost::host {

TEST_SUITE_BEGIN("fault");

TEST_CASE("company: a 429 holds back its company while the others are answered") {
  RecordingPlatform platform;
  platform.script({.method = "POST", .path_prefix = "/search", .company = "a"},
                  {.status = 429, .body = "{}", .headers = {{"Retry-After", "30"}}});
  HostProcess host(platform.apiBase());
  host.configure(mainJobModules(host, "worker"));
  host.start();
  REQUIRE(postWebhook(host.port(), chosenEventBody("evt_a", "Q", "chat_a", "a")).status == 200);
  REQUIRE(eventually(
      [&] { return host.log().find("calls of this company pause") != std::string::npos; }));

  for (int n = 0; n < 20; ++n) {
    const std::string id = "evt_b" + std::to_string(n);
    REQUIRE(postWebhook(host.port(), chosenEventBody(id, "Q", "chat_b", "b")).status == 200);
  }
  REQUIRE(postWebhook(host.port(), chosenEventBody("evt_a2", "Q", "chat_a", "a")).status == 200);

  for (int n = 0; n < 20; ++n) {
    const std::string id = "evt_b" + std::to_string(n);
    CHECK(platform.waitFor([&] { return answered(platform, id, "This is the answer."); }));
  }
  // Of the paused company: the create before the 429, the search that met it, and nothing since.
  std::size_t of_a = 0;
  for (const RecordedCall& call : platform.calls()) {
    if (call.headers.at("x-company-id") == "a") ++of_a;
  }
  CHECK(of_a == 2);
  CHECK_FALSE(answered(platform, "evt_a"));
}

TEST_SUITE_END();

}  // namespace modhost::host
