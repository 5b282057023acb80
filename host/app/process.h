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

// Files of the host beside its connections to and from the platform: those of the admin port (256), database,
// modules, workers' channels, with room.
inline constexpr std::int64_t kFilesOfTheHost = 512;

}  // namespace modhost::host
