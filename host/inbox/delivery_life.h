// DeliveryLife: the part of a delivery that changes, and the only rules by which it may. Every
// Inbox applies these, so that no two of them can disagree. No I/O, no clock.
#pragma once

#include <optional>
#include <string>

#include "host/inbox/inbox.h"

namespace modhost::host {

// An in-process delivery that was running at this many unclean exits of the host in a row is given
// up: it is the one thing all of them have in common.
inline constexpr int kUncleanExitsMax = 3;

// Of one delivery, the latest this many attempt records are kept.
inline constexpr int kAttemptRecordsMax = 20;

struct DeliveryLife {
  DeliveryState state = DeliveryState::kWaiting;
  int attempts = 0;       // begun and counted
  int interruptions = 0;  // deaths of its worker
  int unclean_exits = 0;  // of the host while it ran in process, in a row
  bool in_process = false;
  bool begun = false;
  WallTime due{};
  std::optional<End> end;  // decided: set in closing, done and dead
};

bool isOpen(DeliveryState state);

// waiting → running. False, and nothing is changed: it was not waiting.
bool beginLife(DeliveryLife& life, bool in_process);

// How it leaves running, closing, or (expired, not configured) waiting. Asserts that it is open:
// settling what has ended is a programmer's mistake.
void settleLife(DeliveryLife& life, const Settlement& settlement);

// What a new owner makes of a delivery it finds running: uncounted and waiting, or, when it took
// the host down kUncleanExitsMax times in a row, closing as kInterrupted (then true).
bool recoverLife(DeliveryLife& life);
// For its attempt's record and the log.
std::string givenUpWhy(const Target& target);

// A dead letter's second life: everything but its ledger starts anew.
DeliveryLife replayedLife(const DeliveryLife& dead);

// Whether the attempt leaves a record: it ended badly, or says why. What closing was entered with is
// not recorded again when it is left: `latest` is the error of the record before, asked for when it
// leaves closing only.
bool leavesRecord(DeliveryState before, const Settlement& settlement,
                  const std::optional<std::string>& latest = std::nullopt);

}  // namespace modhost::host
