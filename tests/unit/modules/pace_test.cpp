#include "host/modules/pace.h"

#include <doctest/doctest.h>

using namespace modhost::host;

TEST_SUITE("pace") {
  TEST_CASE("pace: a burst at once and then what time brings") {
    const SteadyTime start{};
    Pace pace(3, 2, start);
    for (int i = 0; i < 3; ++i) CHECK(pace.take(start));
    CHECK_FALSE(pace.take(start));
    CHECK(pace.take(start + Milliseconds(500)));
    CHECK_FALSE(pace.take(start + Milliseconds(500)));
    const SteadyTime later = start + std::chrono::hours(1);
    for (int i = 0; i < 3; ++i) CHECK(pace.take(later));
    CHECK_FALSE(pace.take(later));
  }

  TEST_CASE("pace: what is spent beyond the burst is owed until time has paid it") {
    const SteadyTime start{};
    Pace pace(100, 100, start);
    pace.spend(100, start);
    CHECK(pace.owedUntil() <= start);
    pace.spend(50, start);
    CHECK(pace.owedUntil() == start + Milliseconds(500));
  }
}
