#include "host/inbox/delivery_life.h"

#include <doctest/doctest.h>

namespace modhost::host {
namespace {

using To = Settlement::To;

DeliveryLife running(bool in_process = false) {
  DeliveryLife life;
  REQUIRE(beginLife(life, in_process));
  return life;
}

Settlement to(To to, End end = End::kOk, const char* error = "") {
  return {{1, "a"}, to, end, {}, error};
}

}  // namespace

TEST_SUITE("inbox life") {
  TEST_CASE("inbox life: only what waits can begin") {
    DeliveryLife life = running();

    CHECK(!beginLife(life, false));
    settleLife(life, to(To::kClosing, End::kFailed));
    CHECK(!beginLife(life, false));
    CHECK(life.attempts == 1);
  }

  TEST_CASE("inbox life: a retry counts the attempt and an interruption or hand-back does not") {
    DeliveryLife retried = running();
    DeliveryLife interrupted = running();
    DeliveryLife handed_back = running();

    settleLife(retried, to(To::kRetry));
    settleLife(interrupted, to(To::kInterrupted));
    settleLife(handed_back, to(To::kHandBack));

    CHECK(retried.attempts == 1);
    CHECK(interrupted.attempts == 0);
    CHECK(interrupted.interruptions == 1);
    CHECK(handed_back.attempts == 0);
    CHECK(handed_back.interruptions == 0);
  }

  TEST_CASE("inbox life: what never began is handed back without a debt") {
    DeliveryLife life;

    settleLife(life, to(To::kHandBack));

    CHECK(life.attempts == 0);
  }

  TEST_CASE("inbox life: any settlement ends the row of unclean exits") {
    DeliveryLife life = running(true);
    CHECK(!recoverLife(life));
    CHECK(life.unclean_exits == 1);
    REQUIRE(beginLife(life, true));

    settleLife(life, to(To::kRetry));

    CHECK(life.unclean_exits == 0);
  }

  TEST_CASE("inbox life: a bad end leaves one record however it is closed") {
    CHECK(leavesRecord(DeliveryState::kRunning, to(To::kClosing, End::kFailed)));
    CHECK(!leavesRecord(DeliveryState::kClosing, to(To::kDead, End::kFailed)));
    CHECK(leavesRecord(DeliveryState::kClosing, to(To::kDead, End::kFailed, "closing failed")));
    CHECK(leavesRecord(DeliveryState::kClosing, to(To::kDead, End::kFailed, "it threw; still open"),
                       "it threw"));
    CHECK(!leavesRecord(DeliveryState::kClosing, to(To::kDead, End::kFailed, "it threw"),
                        "it threw"));
    CHECK(leavesRecord(DeliveryState::kRunning, to(To::kRetry, End::kFailed, "it threw"),
                       "it threw"));
    CHECK(!leavesRecord(DeliveryState::kRunning, to(To::kDone, End::kSkipped)));
    CHECK(!leavesRecord(DeliveryState::kRunning, to(To::kHandBack)));
  }
}

}  // namespace modhost::host
