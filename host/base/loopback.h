// Which addresses only this machine itself can reach.
#pragma once

#include <string>

namespace modhost::host {

// "localhost", 127.0.0.0/8 in dotted decimal, or ::1 with or without brackets. A name that merely
// begins with 127. is none.
bool isLoopbackHost(const std::string& host);

}  // namespace modhost::host
