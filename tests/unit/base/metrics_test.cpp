#include "host/base/metrics.h"

#include <doctest/doctest.h>

namespace modhost::host {

TEST_SUITE_BEGIN("base");

TEST_CASE("metrics: the same name and labels give the same series") {
  Metrics metrics;
  metrics.counter("modhost_x_total", "Things.", {{"module", "a"}}).add();
  metrics.counter("modhost_x_total", "Things.", {{"module", "a"}}).add(2);
  metrics.counter("modhost_x_total", "Things.", {{"module", "b"}}).add();
  metrics.gauge("modhost_y", "Level.").set(4);
  metrics.histogram("modhost_z_seconds", "Time.", {0.1, 1}).observe(0.5);

  const std::string text = metrics.text();

  CHECK(text.find("modhost_x_total{module=\"a\"} 3") != std::string::npos);
  CHECK(text.find("modhost_x_total{module=\"b\"} 1") != std::string::npos);
  CHECK(text.find("# HELP modhost_x_total Things.") != std::string::npos);
  CHECK(text.find("modhost_y 4") != std::string::npos);
  CHECK(text.find("modhost_z_seconds_bucket{le=\"1\"} 1") != std::string::npos);
}

TEST_SUITE_END();

}  // namespace modhost::host
