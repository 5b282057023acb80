// A SQLite VFS whose files are memory, so that instructions can be counted without a disk's share.
// For one connection in exclusive locking mode: no locks, no shared memory.
#pragma once

namespace modhost::bench {

inline constexpr char kMemoryVfs[] = "bench-memory";

// Once, before the first connection.
void registerMemoryVfs();

}  // namespace modhost::bench
