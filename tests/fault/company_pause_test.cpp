// A 429 is one company's matter.
#include <algorithm>
#include <thread>

#include "tests/fault/scripted.h"

namespace modhost::host {
namespace {

constexpr int kOthers = 20;

std::string other(int n) { return "evt_b" + std::to_string(n); }

// All at once: they must be answered while the other company's pause lasts.
void askAsOthers(const HostProcess& host) {
  std::vector<int> statuses(kOthers);
  std::vector<std::thread> senders;
  for (int n = 0; n < kOthers; ++n) {
    senders.emplace_back([&, n] {
      const std::string body = chosenEventBody(other(n), "Q", "chat_b" + std::to_string(n), "b");
      statuses[static_cast<std::size_t>(n)] = postWebhook(host.port(), body).status;
    });
  }
  for (std::thread& sender : senders) sender.join();
  REQUIRE(statuses == std::vector<int>(kOthers, 200));
}

bool isOf(const RecordedCall& call, const std::string& company) {
  return call.headers.at("x-company-id") == company;
}

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("company: a 429 holds back its company while the others are answered") {
  RecordingPlatform platform;
  // As long as a pause can be.
  platform.script({.method = "POST", .path_prefix = "/search", .company = "a"},
                  {.status = 429, .body = "{}", .headers = {{"Retry-After", "60"}}});
  HostProcess host(platform.apiBase());
  host.configure(mainJobModules(host, "worker", "300s") + "dispatch: {stop_poll: 0}\n");
  host.start();
  REQUIRE(postWebhook(host.port(), chosenEventBody("evt_a", "Q", "chat_a", "a")).status == 200);
  REQUIRE(eventually(
      [&] { return host.log().find("calls of this company pause") != std::string::npos; }));

  REQUIRE(postWebhook(host.port(), chosenEventBody("evt_a2", "Q", "chat_a", "a")).status == 200);
  askAsOthers(host);

  for (int n = 0; n < kOthers; ++n) {
    CHECK(platform.waitFor([&] { return answered(platform, other(n), "This is the answer."); }));
  }
  // Of the paused company: the create before the 429, the search that met it, and nothing more
  // before the others had their answers.
  const std::vector<RecordedCall> calls = platform.calls();
  const auto after_others =
      std::find_if(calls.rbegin(), calls.rend(), [](const RecordedCall& call) {
        return isOf(call, "b");
      }).base();
  CHECK(std::count_if(calls.begin(), after_others,
                      [](const RecordedCall& call) { return isOf(call, "a"); }) == 2);
}

TEST_SUITE_END();

}  // namespace modhost::host
