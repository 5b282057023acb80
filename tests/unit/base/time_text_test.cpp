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

TEST_CASE("time text: what isoTime writes is read back and nothing else is") {
  for (const auto ms : {0LL, 1'767'225'600'500LL, -1LL}) {
    CHECK(wallTimeFrom(isoTime(WallTime(Milliseconds(ms)))) == WallTime(Milliseconds(ms)));
  }
  for (const char* text :
       {"", "2026-01-01", "2026-01-01T00:00:00Z", "2026-13-01T00:00:00.000Z",
        "2026-02-30T00:00:00.000Z", "2026-01-01T00:00:00.000Zx", "2026-01-01T00:00:00.000+"}) {
    CHECK_MESSAGE(!wallTimeFrom(text), text);
  }
}

TEST_CASE("time text: durations are read in every unit and nothing else is") {
  CHECK(durationFrom("0") == 0ms);
  CHECK(durationFrom("1500ms") == 1500ms);
  CHECK(durationFrom("90s") == 90s);
  CHECK(durationFrom("15m") == 15min);
  CHECK(durationFrom("2h") == 2h);
  CHECK(durationFrom("7d") == 168h);
  for (const char* text : {"", "5", "-5s", "+5s", "5 s", "s", "5w", "1h30m", "1.5h",
                           "99999999999999999999s", "9223372036854775807d"}) {
    CHECK_MESSAGE(!durationFrom(text), text);
  }
}

TEST_SUITE_END();

}  // namespace modhost::host
