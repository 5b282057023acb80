#include "host/base/trace_context.h"

#include <doctest/doctest.h>

#include <set>

namespace modhost::host {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kParent[] = "00f067aa0ba902b7";

}  // namespace

TEST_SUITE_BEGIN("base");

TEST_CASE("trace context: a header of the standard's form is taken apart") {
  const auto trace = parseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  REQUIRE(trace);
  CHECK(trace->trace_id == kTrace);
  CHECK(trace->parent_id == kParent);
  CHECK(trace->sampled);
  const std::string head = std::string(kTrace) + "-" + kParent + "-";
  CHECK(!parseTraceparent("00-" + head + "00")->sampled);
  CHECK(!parseTraceparent("00-" + head + "02")->sampled);
  CHECK(parseTraceparent("00-" + head + "03")->sampled);
  CHECK(parseTraceparent("cc-" + head + "01"));
  CHECK(parseTraceparent("cc-" + head + "01-what-comes-later"));
}

TEST_CASE("trace context: anything else is no trace") {
  const std::string trace = kTrace, parent = kParent;
  const std::string zeros(32, '0');
  for (const std::string& value : {std::string(),
                                   std::string("00"),
                                   "00-" + trace + "-" + parent,
                                   "00-" + trace + "-" + parent + "-1",
                                   "00-" + trace + "-" + parent + "-0g",
                                   "00-" + trace + "-" + parent + "-01-",
                                   "00-" + trace + "-" + parent + "-01-more",
                                   "00-" + trace + "-" + parent + "-011",
                                   "ff-" + trace + "-" + parent + "-01",
                                   "0G-" + trace + "-" + parent + "-01",
                                   "cc-" + trace + "-" + parent + "-01.x",
                                   "00-" + zeros + "-" + parent + "-01",
                                   "00-" + trace + "-" + zeros.substr(16) + "-01",
                                   "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + parent + "-01",
                                   "00-" + trace + "-00F067AA0BA902B7-01",
                                   "00_" + trace + "-" + parent + "-01",
                                   "00-" + trace + "_" + parent + "-01",
                                   "00-" + trace + "-" + parent + "_01",
                                   " 00-" + trace + "-" + parent + "-01",
                                   "00-" + trace + "-" + parent + "-01 ",
                                   "00-" + trace.substr(1) + "-" + parent + "-01x"}) {
    CAPTURE(value);
    CHECK(!parseTraceparent(value));
  }
}

TEST_CASE("trace context: what is made is of the standard's form") {
  const TraceContext made = traceFrom("evt_1");
  CHECK(made.trace_id == traceFrom("evt_1").trace_id);
  CHECK(made.trace_id != traceFrom("evt_2").trace_id);
  std::set<std::string> spans;
  for (int i = 0; i < 100; ++i) {
    const auto read = parseTraceparent(traceparentText(made, newSpanId()));
    REQUIRE(read);
    CHECK(read->trace_id == made.trace_id);
    CHECK(!read->sampled);
    spans.insert(read->parent_id);
  }
  CHECK(spans.size() == 100);
  CHECK(parseTraceparent(traceparentText({kTrace, kParent, true}, kParent))->sampled);
}

TEST_SUITE_END();

}  // namespace modhost::host
