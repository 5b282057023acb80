// Client: a CurlPlatform with delays a test can afford, and calls that are waited for.
#pragma once

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/platform/curl_platform.h"
#include "tests/support/recording_platform.h"

namespace modhost::host {

inline PlatformClientSettings quickSettings(const std::string& api_base) {
  PlatformClientSettings settings;
  settings.api_base = api_base;
  settings.api_key = "key-of-the-test";
  settings.app_id = "app_1";
  settings.retry.backoff = Milliseconds(1);
  settings.retry.backoff_max = Milliseconds(4);
  settings.retry.retry_after_max = Milliseconds(100);
  return settings;
}

class Client {
 public:
  explicit Client(PlatformClientSettings settings)
      : platform_(std::make_unique<CurlPlatform>(std::move(settings), clock_, metrics_)) {}

  // A call that has a minute, as user 101 of company 202.
  PlatformRequest request(const std::string& method, const std::string& path,
                          const std::string& body = "") const {
    return {method, path, body, "101", "202", clock_.steadyNow() + std::chrono::minutes(1)};
  }

  struct Started {
    PlatformCallId id = 0;
    std::future<PlatformOutcome> outcome;
  };
  Started start(PlatformRequest request) {
    auto promise = std::make_shared<std::promise<PlatformOutcome>>();
    auto future = promise->get_future();
    const PlatformCallId id = platform_->call(
        std::move(request),
        [promise](PlatformOutcome outcome) { promise->set_value(std::move(outcome)); });
    return {id, std::move(future)};
  }
  PlatformOutcome run(PlatformRequest request) { return start(std::move(request)).outcome.get(); }

  CurlPlatform& platform() { return *platform_; }
  void destroyPlatform() { platform_.reset(); }
  std::string metricsText() const { return metrics_.text(); }
  SteadyTime now() const { return clock_.steadyNow(); }

 private:
  SystemClock clock_;
  Metrics metrics_;
  std::unique_ptr<CurlPlatform> platform_;
};

}  // namespace modhost::host
