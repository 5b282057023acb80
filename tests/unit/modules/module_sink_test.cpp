#include "host/modules/module_sink.h"

#include <doctest/doctest.h>

#include <limits>

#include "tests/support/fake_clock.h"

using namespace modhost::host;

namespace {

struct Fixture {
  FakeClock clock;
  Metrics metrics;
  HostModuleSink sink{"m1", metrics, clock};

  bool exports(const std::string& line) const {
    const std::string text = metrics.text();
    CAPTURE(text);
    return text.find(line) != std::string::npos;
  }
};

}  // namespace

TEST_SUITE("module_sink") {
  TEST_CASE_FIXTURE(Fixture, "module_sink: a module's metrics carry the prefix and its label") {
    sink.metric(1, "answers_total", 2);
    sink.metric(1, "answers_total", 3);
    sink.metric(2, "queue", 7);
    sink.metric(3, "search_seconds", 0.2);

    CHECK(exports("modhost_module_answers_total{module=\"m1\"} 5"));
    CHECK(exports("modhost_module_queue{module=\"m1\"} 7"));
    CHECK(exports("modhost_module_search_seconds_count{module=\"m1\"} 1"));
  }

  TEST_CASE_FIXTURE(Fixture, "module_sink: a bad metric is refused and counted") {
    sink.metric(1, "Bad Name", 1);
    sink.metric(1, "", 1);
    sink.metric(9, "kind", 1);
    sink.metric(1, "negative_total", -1);
    sink.metric(2, "not_finite", std::numeric_limits<double>::quiet_NaN());
    sink.metric(1, "one_name", 1);
    sink.metric(2, "one_name", 1);

    CHECK(exports("modhost_modules_metrics_refused_total{module=\"m1\"} 6"));
    CHECK_FALSE(exports("negative_total"));
  }

  TEST_CASE_FIXTURE(Fixture,
                    "module_sink: a name that a histogram's own series end in is refused") {
    sink.metric(3, "search", 0.2);
    sink.metric(1, "search_count", 1);
    sink.metric(2, "search_sum", 1);
    sink.metric(3, "search_bucket", 1);
    sink.metric(2, "discount", 7);

    CHECK(exports("modhost_modules_metrics_refused_total{module=\"m1\"} 3"));
    CHECK(exports("modhost_module_search_count{module=\"m1\"} 1"));
    CHECK(exports("modhost_module_discount{module=\"m1\"} 7"));
    CHECK_FALSE(exports("# TYPE modhost_module_search_count"));
  }

  TEST_CASE_FIXTURE(Fixture, "module_sink: two modules may not give one name two kinds") {
    HostModuleSink other("m2", metrics, clock);
    sink.metric(1, "shared", 1);
    other.metric(2, "shared", 1);

    CHECK(exports("modhost_modules_metrics_refused_total{module=\"m2\"} 1"));
  }

  TEST_CASE_FIXTURE(Fixture, "module_sink: a module has a bounded number of series") {
    for (std::size_t i = 0; i < kModuleSeriesMax + 5; ++i)
      sink.metric(2, "g" + std::to_string(i), 1);
    sink.metric(2, "g0", 4);

    CHECK(exports("modhost_modules_metrics_refused_total{module=\"m1\"} 5"));
    CHECK(exports("modhost_module_g0{module=\"m1\"} 4"));
  }

  TEST_CASE_FIXTURE(
      Fixture, "module_sink: lines beyond the rate are dropped and counted until time passes") {
    const int burst = static_cast<int>(kModuleLogBurst);
    int asked = 0;
    const auto about = [&] {
      ++asked;
      return LogFields{{"event", "e"}};
    };
    for (int i = 0; i < burst + 30; ++i) sink.log(LogLevel::kInfo, 1, about, "line", "");
    CHECK(exports("modhost_modules_log_lines_dropped_total{module=\"m1\"} 30"));
    CHECK(asked == burst);

    clock.advance(Milliseconds(1000));
    for (int i = 0; i < static_cast<int>(kModuleLogPerSecond); ++i)
      sink.log(LogLevel::kInfo, 1, about, "line", "");
    CHECK(exports("modhost_modules_log_lines_dropped_total{module=\"m1\"} 30"));
    sink.standardError(7, "one too many");
    CHECK(exports("modhost_modules_log_lines_dropped_total{module=\"m1\"} 31"));
  }

  TEST_CASE_FIXTURE(Fixture, "module_sink: a closed sink does nothing") {
    sink.close();
    sink.metric(1, "late_total", 1);
    sink.log(LogLevel::kInfo, 0, {}, "late", "");
    CHECK_FALSE(exports("late_total"));
  }
}
