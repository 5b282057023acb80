#include "host/base/result.h"

#include <doctest/doctest.h>

#include <memory>

namespace modhost::host {

TEST_SUITE_BEGIN("base");

TEST_CASE("result: holds a value or an error and says which") {
  const Result<int> value = 7;
  const Result<int> error = Error{ErrorKind::kFull, "5 of 5"};

  CHECK(value.ok());
  CHECK(value.value() == 7);
  CHECK_FALSE(error.ok());
  CHECK(error.error().kind == ErrorKind::kFull);
  CHECK(error.error().message == "5 of 5");
}

TEST_CASE("result: take moves the value out") {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(3);

  const std::unique_ptr<int> taken = result.take();

  CHECK(*taken == 3);
}

TEST_CASE("result: void is ok by default") {
  const Result<void> fine;
  const Result<void> bad = Error{ErrorKind::kTimeout, "late"};

  CHECK(fine.ok());
  CHECK(bad.error().message == "late");
}

TEST_SUITE_END();

}  // namespace modhost::host
