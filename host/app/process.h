// What the process as a whole is set to before it reads a secret or opens a socket.
#pragma once

#include <cstdint>

namespace modhost::host {

// Workers run under the same user: without this they could read our memory and environment through
// /proc. Also no core dump, which would hold keys and chats.
void protectSecrets();

// Raises the limit on open files to what the system allows.
void raiseFileLimit();
std::int64_t fileLimit();

// Files of the host itself beside connections: database, modules, workers' channels, with room.
inline constexpr std::int64_t kFilesOfTheHost = 256;

}  // namespace modhost::host
