#include "host/cli/table.h"

#include <doctest/doctest.h>

namespace modhost::host {

using namespace std::chrono_literals;

TEST_SUITE("cli") {
  TEST_CASE("table: columns are as wide as their widest cell and no line ends in blanks") {
    CHECK(alignedTable({{"A", "LONG", "C"}, {"long", "b", ""}, {"é", "x", "y"}}) ==
          "A     LONG  C\n"
          "long  b\n"
          "é     x     y\n");
    CHECK(alignedTable({}).empty());
  }

  TEST_CASE("table: an age is told in its largest whole unit") {
    CHECK(ageText(0ms) == "now");
    CHECK(ageText(999ms) == "now");
    CHECK(ageText(59s) == "59s");
    CHECK(ageText(119s) == "1m");
    CHECK(ageText(5h) == "5h");
    CHECK(ageText(49h) == "2d");
    CHECK(ageText(-90s) == "in 1m");
    CHECK(agoText(999ms) == "just now");
    CHECK(agoText(59s) == "59s ago");
  }

  TEST_CASE("table: words from elsewhere stay on their line and whole") {
    CHECK(shownText("a\x1b[31m\nb", 100) == "a [31m b");
    CHECK(shownText("abcdef", 3) == "abc…");
    CHECK(shownText("abcdef", 6) == "abcdef");
    CHECK(shownText("aéé", 2) == "a…");
  }
}

}  // namespace modhost::host
