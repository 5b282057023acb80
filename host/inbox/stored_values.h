// How C++ values stand in the columns: times as Unix milliseconds, enums as their numbers.
#pragma once

#include <cstdint>
#include <optional>

#include "host/base/clock.h"
#include "host/inbox/database.h"
#include "host/inbox/delivery_life.h"

namespace modhost::host {

inline std::int64_t toMs(WallTime time) { return time.time_since_epoch().count(); }
inline WallTime fromMs(std::int64_t ms) { return WallTime(Milliseconds(ms)); }

template <typename Enum>
std::int64_t stored(Enum value) {
  return static_cast<std::int64_t>(value);
}

inline std::optional<std::int64_t> storedEnd(const std::optional<End>& end) {
  if (!end) return std::nullopt;
  return stored(*end);
}

inline std::optional<End> readEnd(const Rows& row, int column) {
  const std::optional<std::int64_t> value = row.maybeInteger(column);
  if (!value) return std::nullopt;
  return static_cast<End>(*value);
}

// The columns state, attempts, interruptions, unclean_exits, in_process, begun, due_ms, end from
// `first` on.
inline DeliveryLife readLife(const Rows& row, int first) {
  DeliveryLife life;
  life.state = static_cast<DeliveryState>(row.integer(first));
  life.attempts = static_cast<int>(row.integer(first + 1));
  life.interruptions = static_cast<int>(row.integer(first + 2));
  life.unclean_exits = static_cast<int>(row.integer(first + 3));
  life.in_process = row.integer(first + 4) != 0;
  life.begun = row.integer(first + 5) != 0;
  life.due = fromMs(row.integer(first + 6));
  life.end = readEnd(row, first + 7);
  return life;
}

// The columns message_id, ord, nth, log_id, state, ambiguous from `first` on.
inline Step readStep(const Rows& row, int first) {
  Step step;
  step.key = {row.text(first), row.integer(first + 1), static_cast<int>(row.integer(first + 2))};
  step.log_id = row.text(first + 3);
  step.state = static_cast<StepState>(row.integer(first + 4));
  step.ambiguous = static_cast<int>(row.integer(first + 5));
  return step;
}

}  // namespace modhost::host
