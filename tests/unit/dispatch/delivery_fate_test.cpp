#include "host/dispatch/delivery_fate.h"

#include <doctest/doctest.h>

namespace modhost::host {
namespace {

using Kind = AttemptEnd::Kind;
using Next = Fate::Next;

AttemptReport report(Kind kind) {
  AttemptReport made;
  made.end = {kind, {}, "why", true};
  return made;
}

AttemptReport answering(Kind kind, bool answered) {
  AttemptReport made = report(kind);
  made.answer_left = Milliseconds(60'000);
  made.answered = answered;
  return made;
}

FateLimits threeAttempts() { return {{3, Milliseconds(1'000), Milliseconds(300'000)}, 3}; }

}  // namespace

TEST_SUITE("delivery fate") {
  TEST_CASE("delivery fate: what the module says for good is how the delivery ends") {
    struct Row {
      Kind kind;
      End end;
    };
    for (const Row& row : {Row{Kind::kOk, End::kOk}, Row{Kind::kSkipped, End::kSkipped},
                           Row{Kind::kReject, End::kRejected}}) {
      const Fate fate = decideFate(report(row.kind), threeAttempts());
      CHECK(fate.next == Next::kEnd);
      CHECK(fate.end == row.end);
    }
  }

  TEST_CASE("delivery fate: an ok stands after the deadline and a failure there is an overrun") {
    struct Row {
      Kind kind;
      End end;
    };
    for (const Row& row :
         {Row{Kind::kOk, End::kOk}, Row{Kind::kSkipped, End::kSkipped},
          Row{Kind::kReject, End::kRejected}, Row{Kind::kFailed, End::kOverran},
          Row{Kind::kRetry, End::kOverran}, Row{Kind::kInterrupted, End::kOverran}}) {
      AttemptReport late = report(row.kind);
      late.deadline_passed = true;

      const Fate fate = decideFate(late, threeAttempts());

      CHECK(fate.next == Next::kEnd);
      CHECK(fate.end == row.end);
    }
  }

  TEST_CASE(
      "delivery fate: an ok that owes an answer and has none ends as failed without a retry") {
    const Fate without = decideFate(answering(Kind::kOk, false), threeAttempts());
    CHECK(without.next == Next::kEnd);
    CHECK(without.end == End::kFailed);
    CHECK(without.error == "the module said ok but wrote no answer");

    CHECK(decideFate(answering(Kind::kOk, true), threeAttempts()).end == End::kOk);
  }

  TEST_CASE(
      "delivery fate: a failure is retried with a doubled delay until the attempts are used up") {
    AttemptReport failed = report(Kind::kFailed);

    CHECK(decideFate(failed, threeAttempts()).next == Next::kRetry);
    CHECK(decideFate(failed, threeAttempts()).delay == Milliseconds(1'000));
    failed.attempts = 2;
    CHECK(decideFate(failed, threeAttempts()).delay == Milliseconds(2'000));
    failed.attempts = 3;
    CHECK(decideFate(failed, threeAttempts()).next == Next::kEnd);
    CHECK(decideFate(failed, threeAttempts()).end == End::kFailed);
    CHECK(decideFate(failed, threeAttempts()).error == "why");
  }

  TEST_CASE("delivery fate: one attempt is the default") {
    CHECK(decideFate(report(Kind::kFailed), FateLimits{}).next == Next::kEnd);
    CHECK(decideFate(report(Kind::kRetry), FateLimits{}).next == Next::kEnd);
  }

  TEST_CASE("delivery fate: a module names its own delay up to backoff_max") {
    AttemptReport asked = report(Kind::kRetry);
    CHECK(decideFate(asked, threeAttempts()).delay == Milliseconds(1'000));
    asked.end.retry_after = Milliseconds(7'000);
    CHECK(decideFate(asked, threeAttempts()).delay == Milliseconds(7'000));
    asked.end.retry_after = Milliseconds(900'000);
    CHECK(decideFate(asked, threeAttempts()).delay == Milliseconds(300'000));
  }

  TEST_CASE("delivery fate: a retry asked for without a word still says why") {
    AttemptReport asked = report(Kind::kRetry);
    asked.end.text.clear();
    CHECK(decideFate(asked, threeAttempts()).error == "the module asked for a retry");
  }

  TEST_CASE("delivery fate: no retry is promised that could not run before answer_within") {
    AttemptReport failed = answering(Kind::kFailed, false);
    failed.answer_left = Milliseconds(1'001);
    CHECK(decideFate(failed, threeAttempts()).next == Next::kRetry);
    failed.answer_left = Milliseconds(1'000);
    CHECK(decideFate(failed, threeAttempts()).next == Next::kEnd);
  }

  TEST_CASE("delivery fate: after the user's stop nothing is repeated and nothing is an error") {
    for (const Kind kind : {Kind::kOk, Kind::kRetry, Kind::kReject, Kind::kSkipped, Kind::kFailed,
                            Kind::kInterrupted}) {
      for (const bool late : {false, true}) {
        AttemptReport stopped = answering(kind, false);
        stopped.user_stopped = true;
        stopped.deadline_passed = late;

        const Fate fate = decideFate(stopped, threeAttempts());

        CHECK(fate.next == Next::kEnd);
        CHECK(fate.end == End::kStopped);
        CHECK(fate.error.empty());
      }
    }
  }

  TEST_CASE("delivery fate: a suspect's interruptions count and the last one ends it") {
    AttemptReport died = report(Kind::kInterrupted);
    CHECK(decideFate(died, threeAttempts()).next == Next::kInterrupted);
    died.interruptions = 1;
    CHECK(decideFate(died, threeAttempts()).next == Next::kInterrupted);
    died.interruptions = 2;
    CHECK(decideFate(died, threeAttempts()).next == Next::kEnd);
    CHECK(decideFate(died, threeAttempts()).end == End::kInterrupted);
  }

  TEST_CASE("delivery fate: a bystander of a death is handed back and nothing counts") {
    AttemptReport died = report(Kind::kInterrupted);
    died.end.suspect = false;
    died.interruptions = 99;
    CHECK(decideFate(died, threeAttempts()).next == Next::kHandBack);
  }

  TEST_CASE("delivery fate: the delay grows to backoff_max and not beyond") {
    const RetrySettings retry{1'000, Milliseconds(1'000), Milliseconds(5'000)};
    CHECK(backoffAfter(retry, 1) == Milliseconds(1'000));
    CHECK(backoffAfter(retry, 3) == Milliseconds(4'000));
    CHECK(backoffAfter(retry, 4) == Milliseconds(5'000));
    CHECK(backoffAfter(retry, 1'000) == Milliseconds(5'000));
  }

  TEST_CASE("delivery fate: a module's words are cut between characters") {
    AttemptReport wordy = report(Kind::kReject);
    wordy.end.text = "x";
    while (wordy.end.text.size() <= kErrorBytesMax) wordy.end.text += "\xC3\xA9";  // é

    const std::string error = decideFate(wordy, FateLimits{}).error;

    CHECK(error.size() == kErrorBytesMax - 1);
    CHECK(error.substr(error.size() - 2) == "\xC3\xA9");
  }

  TEST_CASE(
      "delivery fate: only ok and skipped and stopped are good ends and every end has a word") {
    CHECK(isGood(End::kOk));
    CHECK(isGood(End::kSkipped));
    CHECK(isGood(End::kStopped));
    CHECK(endWord(End::kStopped) == "stopped");
    for (const End end : {End::kRejected, End::kFailed, End::kOverran, End::kInterrupted,
                          End::kNotConfigured, End::kExpired}) {
      CHECK_FALSE(isGood(end));
      CHECK_FALSE(endWord(end).empty());
    }
  }
}

}  // namespace modhost::host
