#include "host/base/time_text.h"

#include <doctest/doctest.h>

namespace modhost::host {

using namespace std::chrono_literals;

TEST_SUITE_BEGIN("base");

TEST_CASE("time text: isoTime is UTC with milliseconds and Z") {
  CHECK(isoTime(WallTime(1'767'225'600'500ms)) == "2026-01-01T00:00:00.500Z");
  CHECK(isoTime(WallTime(0ms)) == "1970-01-01T00:00:00.000Z");
  CHECK(isoTime(WallTime(-1ms)) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("time text: durationText says exactly the duration in its largest unit") {
  CHECK(durationText(300s) == "5m");
  CHECK(durationText(90s) == "90s");
  CHECK(durationText(1500ms) == "1500ms");
  CHECK(durationText(168h) == "7d");
  CHECK(durationText(0ms) == "0ms");
}

TEST_SUITE_END();

}  // namespace modhost::host
