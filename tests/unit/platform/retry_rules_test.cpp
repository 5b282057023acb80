#include "host/platform/retry_rules.h"

#include <doctest/doctest.h>

#include <cstdint>

namespace modhost::host {
namespace {

constexpr WallTime kNow{std::chrono::milliseconds(1'767'225'600'000)};  // 2026-01-01T00:00:00Z

}  // namespace

TEST_SUITE("platform") {
  TEST_CASE("retry rules: waits one second and then two as the published client does") {
    const RetrySchedule schedule;

    CHECK(backoffDelay(schedule, 1, 0) == Milliseconds(1'000));
    CHECK(backoffDelay(schedule, 2, 0) == Milliseconds(2'000));
  }

  TEST_CASE("retry rules: adds at most a tenth of jitter") {
    const RetrySchedule schedule;

    for (std::uint64_t random = 0; random < 1'000; ++random) {
      const Milliseconds delay = backoffDelay(schedule, 1, random);
      CHECK(delay >= Milliseconds(1'000));
      CHECK(delay <= Milliseconds(1'100));
    }
    CHECK(backoffDelay(schedule, 1, 100) == Milliseconds(1'100));
  }

  TEST_CASE("retry rules: a delay never grows beyond its maximum") {
    const RetrySchedule schedule;

    CHECK(backoffDelay(schedule, 7, 0) == Milliseconds(30'000));
    CHECK(backoffDelay(schedule, 1'000'000, 0) == Milliseconds(30'000));
  }

  TEST_CASE("retry rules: reads Retry-After as seconds within its bounds") {
    const RetrySchedule schedule;

    CHECK(parseRetryAfter(schedule, "7", kNow) == Milliseconds(7'000));
    CHECK(parseRetryAfter(schedule, "-7", kNow) == Milliseconds(0));
    CHECK(parseRetryAfter(schedule, "3600", kNow) == Milliseconds(60'000));
    CHECK(parseRetryAfter(schedule, "99999999999999999999999", kNow) == Milliseconds(60'000));
  }

  TEST_CASE("retry rules: reads Retry-After as an HTTP date") {
    const RetrySchedule schedule;

    CHECK(parseRetryAfter(schedule, "Thu, 01 Jan 2026 00:00:09 GMT", kNow) == Milliseconds(9'000));
    CHECK(parseRetryAfter(schedule, "Wed, 31 Dec 2025 23:59:00 GMT", kNow) == Milliseconds(0));
    CHECK(parseRetryAfter(schedule, "Fri, 02 Jan 2026 00:00:00 GMT", kNow) == Milliseconds(60'000));
  }

  TEST_CASE("retry rules: a Retry-After that says nothing is nothing") {
    const RetrySchedule schedule;

    CHECK_FALSE(parseRetryAfter(schedule, "", kNow).has_value());
    CHECK_FALSE(parseRetryAfter(schedule, "soon", kNow).has_value());
  }

  TEST_CASE("retry rules: 429 and 5xx pass and nothing else does") {
    CHECK(isRetryableStatus(429));
    CHECK(isRetryableStatus(500));
    CHECK(isRetryableStatus(503));
    CHECK_FALSE(isRetryableStatus(200));
    CHECK_FALSE(isRetryableStatus(302));
    CHECK_FALSE(isRetryableStatus(404));
  }
}

}  // namespace modhost::host
