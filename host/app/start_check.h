// StartCheck: what about this machine and this moment may cost events later, seen at the start.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/config/settings.h"
#include "host/inbox/file_system.h"

namespace modhost::host {

struct StartFacts {
  std::string inbox_path;
  FileSystemVerdict file_system;
  std::int64_t free_bytes = 0, disk_free_min_bytes = 0;
  std::int64_t files = 0, files_needed = 0;  // the limit on open files
  WallTime now{};
  WallTime built{};                      // when this program was made; the day of it
  std::optional<WallTime> newest_event;  // the latest that the inbox has
};

// Asks the system; reads the inbox if there is one. What can not be asked counts as well.
StartFacts startFacts(const Settings& settings, WallTime now);

// A sentence for each thing that is not as it should be; docs/operating.md says what to do. Throws
// StartupError where SQLite's promises do not hold.
std::vector<std::string> startWarnings(const StartFacts& facts);

}  // namespace modhost::host
