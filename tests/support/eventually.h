// How a test waits for what another thread or process brings about.
#pragma once

#include <poll.h>

#include <chrono>

namespace modhost::host {

// Far beyond what any machine needs; only a broken host makes a test wait so long.
inline constexpr std::chrono::seconds kSafetyLimit{120};

// Looks until `condition` holds; false after the safety limit.
template <typename Condition>
bool eventually(const Condition& condition) {
  const auto limit = std::chrono::steady_clock::now() + kSafetyLimit;
  for (int looks = 0; !condition(); ++looks) {
    if (std::chrono::steady_clock::now() > limit) return false;
    ::poll(nullptr, 0, looks < 100 ? 1 : 5);
  }
  return true;
}

}  // namespace modhost::host
