// FaultyVfs: SQLite's own VFS with a disk that can fail, put under an inbox by name. Everything
// passes through until the test says otherwise. Counts what reached the disk, so that a test can
// tell which promise costs an fsync, and what a power cut would leave.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

struct sqlite3_vfs;

namespace modhost::host {

class FaultyVfs {
 public:
  // Registers under a name of its own.
  FaultyVfs();
  // After every database opened through it was closed.
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  const std::string& name() const { return name_; }

  // The `nth` fsync of a WAL from now on fails with EIO, once (1: the next).
  void failSync(int nth) { sync_fails_in_ = nth; }
  // The `nth` write to a WAL from now on fails with EIO, once.
  void failWrite(int nth) { write_fails_in_ = nth; }
  // While set, a write to a WAL finds the disk full.
  void setDiskFull(bool full) { disk_full_ = full; }

  int walSyncs() const { return wal_syncs_; }
  // Size of the WAL at its latest fsync: what a power cut is sure to leave.
  std::int64_t walSyncedBytes() const { return wal_synced_bytes_; }

  // --- called by the file methods ---
  bool syncFails();
  bool writeFails();
  bool diskFull() const { return disk_full_; }
  void walSynced(std::int64_t bytes);

 private:
  std::string name_;
  sqlite3_vfs* vfs_;
  std::atomic<int> sync_fails_in_{0};
  std::atomic<int> write_fails_in_{0};
  std::atomic<bool> disk_full_{false};
  std::atomic<int> wal_syncs_{0};
  std::atomic<std::int64_t> wal_synced_bytes_{0};
};

}  // namespace modhost::host
