// Whether an inbox's file is sound and its counts equal its rows, as a doctest check.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "host/inbox/inbox_check.h"

namespace modhost::host {

inline void checkBooks(const std::string& path) {
  const Result<std::vector<std::string>> faults = checkInbox(path);
  REQUIRE_MESSAGE(faults.ok(), (faults.ok() ? "" : faults.error().message));
  for (const std::string& fault : faults.value()) CHECK_MESSAGE(false, fault);
}

}  // namespace modhost::host
