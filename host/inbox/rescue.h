// Rescue: what a host still holds of a database whose file was deleted or replaced under it. The
// system keeps such a file until the last descriptor of it is closed, so its rows can be copied out
// before that.
#pragma once

#include <string>

#include "host/inbox/database.h"

namespace modhost::host {

// Copies all that is committed into one new file, durably: `path` itself when nothing is there any
// more (`in_place`), so that the next start goes on with it, else `path`.rescued. The log names the
// file. False: it could not be written, the log says why.
bool rescueInbox(Database& database, const std::string& path, bool in_place);

}  // namespace modhost::host
