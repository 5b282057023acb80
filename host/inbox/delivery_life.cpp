#include "host/inbox/delivery_life.h"

#include "host/base/assert.h"

namespace modhost::host {
namespace {

void uncount(DeliveryLife& life) {
  if (life.state == DeliveryState::kRunning) --life.attempts;
}

void waitAgain(DeliveryLife& life, WallTime due) {
  if (life.state != DeliveryState::kClosing) life.state = DeliveryState::kWaiting;
  life.due = due;
}

void endAs(DeliveryLife& life, DeliveryState state, End end) {
  life.state = state;
  life.end = end;
}

// The worker's death after which it is given up.
bool isLastDeath(const DeliveryLife& life, const Settlement& settlement) {
  const bool ends =
      settlement.to == Settlement::To::kDead || settlement.to == Settlement::To::kClosing;
  return ends && life.state == DeliveryState::kRunning && settlement.end == End::kInterrupted;
}

}  // namespace

bool isOpen(DeliveryState state) {
  return state == DeliveryState::kWaiting || state == DeliveryState::kRunning ||
         state == DeliveryState::kClosing;
}

bool beginLife(DeliveryLife& life, bool in_process) {
  if (life.state != DeliveryState::kWaiting) return false;
  life.state = DeliveryState::kRunning;
  life.in_process = in_process;
  life.begun = true;
  ++life.attempts;
  return true;
}

void settleLife(DeliveryLife& life, const Settlement& settlement) {
  MODHOST_ASSERT(isOpen(life.state));
  life.unclean_exits = 0;  // the host outlived this attempt
  if (isLastDeath(life, settlement)) ++life.interruptions;
  switch (settlement.to) {
    case Settlement::To::kDone:
      return endAs(life, DeliveryState::kDone, settlement.end);
    case Settlement::To::kDead:
      return endAs(life, DeliveryState::kDead, settlement.end);
    case Settlement::To::kClosing:
      return endAs(life, DeliveryState::kClosing, settlement.end);
    case Settlement::To::kRetry:
      return waitAgain(life, settlement.due);
    case Settlement::To::kInterrupted:
      uncount(life);
      ++life.interruptions;
      return waitAgain(life, WallTime{});
    case Settlement::To::kHandBack:
      uncount(life);
      return waitAgain(life, WallTime{});
  }
  MODHOST_UNREACHABLE();
}

bool recoverLife(DeliveryLife& life) {
  MODHOST_ASSERT(life.state == DeliveryState::kRunning);
  uncount(life);
  if (life.in_process) ++life.unclean_exits;
  const bool given_up = life.unclean_exits >= kUncleanExitsMax;
  if (given_up) {
    endAs(life, DeliveryState::kClosing, End::kInterrupted);
  } else {
    waitAgain(life, WallTime{});
  }
  return given_up;
}

std::string givenUpWhy(const Target& target) {
  return "the host died " + std::to_string(kUncleanExitsMax) + " times in a row while " + target +
         " ran this in process";
}

DeliveryLife replayedLife(const DeliveryLife& dead) {
  DeliveryLife life;
  life.begun = dead.begun;
  return life;
}

bool leavesRecord(DeliveryState before, const Settlement& settlement,
                  const std::optional<std::string>& latest) {
  if (before == DeliveryState::kClosing) {
    return !settlement.error.empty() && settlement.error != latest;
  }
  const bool bad = settlement.end != End::kOk && settlement.end != End::kSkipped &&
                   settlement.end != End::kStopped;
  return bad || !settlement.error.empty();
}

}  // namespace modhost::host
