// InboxCheck: whether the rows of an inbox's file agree with each other and with what is counted:
// the books of the inbox, audited. For tests, and for an operator after a repair.
#pragma once

#include <string>
#include <vector>

#include "host/base/result.h"

namespace modhost::host {

// Reads the whole file, in one read transaction: also beside a host that has it open. One sentence
// per fault found, with row numbers and counts but nothing of an event's content; empty: all is
// well. At most kCheckFaultsMax sentences of each kind. kInvalid, kCorrupt, kUnavailable: it can
// not be read at all, or its WAL is missing (InboxFile).
Result<std::vector<std::string>> checkInbox(const std::string& path);

inline constexpr int kCheckFaultsMax = 20;

}  // namespace modhost::host
