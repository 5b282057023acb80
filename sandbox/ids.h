// Names for new things: "msg_" and 128 random bits in hex.
#pragma once

#include <string>

namespace modhost::sandbox {

std::string newId(const std::string& prefix);

}  // namespace modhost::sandbox
