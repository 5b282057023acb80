// FaultyVfs: SQLite's own VFS with a disk that can fail, put under an inbox by name. Everything
// passes through until the test says otherwise, but for fsyncs: they are only counted, so that a
// test can tell which promise costs one, and noted for what a power cut would leave.
//
// Threads: every method from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "host/base/mutex.h"

struct sqlite3_vfs;

namespace modhost::host {

enum class DiskFile { kWal = 1, kDatabase };
enum class DiskCall {
  kSync = 1,
  kWrite,
  kTornWrite,  // half of it reaches the file before it fails
  kTruncate,
  kRead,
  kShmMap,  // of the WAL's index; belongs to kDatabase
};

// What a disk may hold after a power cut.
struct DiskImage {
  std::string database;
  std::string wal;
};

class FaultyVfs {
 public:
  // Registers under a name of its own.
  FaultyVfs();
  // After every database opened through it was closed.
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  const std::string& name() const { return name_; }

  // The `nth` such call from now on fails with EIO, once (1: the next). The newest order counts.
  void fail(DiskFile file, DiskCall call, int nth);
  void failSync(int nth) { fail(DiskFile::kWal, DiskCall::kSync, nth); }
  void failWrite(int nth) { fail(DiskFile::kWal, DiskCall::kWrite, nth); }
  // Takes the order back.
  void mend();
  // Whether what fail() ordered has happened.
  bool failed() const;
  // While set, a write to that file finds the disk full.
  void setDiskFull(bool full, DiskFile file = DiskFile::kWal);
  // While set, the file system is mounted read-only: writes fail with EROFS.
  void setReadOnly(bool read_only) { read_only_ = read_only; }

  int walSyncs() const { return wal_syncs_; }
  // Of the database: the ends of checkpoints.
  int databaseSyncs() const { return database_syncs_; }
  // Size of the WAL at its latest fsync: what a power cut is sure to leave.
  std::int64_t walSyncedBytes() const { return wal_synced_bytes_; }

  // Follows what is surely on disk from here on; `path` is the database about to be opened.
  void followDisk(const std::string& path);
  // At the `nth` write, fsync or truncation from now on the power goes: the image is taken before
  // that call, and `noticed` runs. Of what was written since each file's latest fsync, any part may
  // be in the image, in any order, torn between sectors of 512 bytes. The host runs on, unaware.
  void cutPower(int nth, unsigned seed, std::function<void()> noticed);
  // nullopt: that many calls have not been made yet.
  std::optional<DiskImage> image() const;

  // --- called by the file methods ---
  bool hits(DiskFile file, DiskCall call);
  bool diskFull(DiskFile file) const { return file == DiskFile::kWal ? wal_full_ : database_full_; }
  bool readOnly() const { return read_only_; }
  void writing(DiskFile file, std::int64_t at, std::string bytes);
  void truncating(DiskFile file, std::int64_t size);
  void syncing();
  void synced(DiskFile file, std::int64_t size);

 private:
  struct Change {
    std::int64_t at = 0;  // with `bytes`; else the size it was cut to
    std::optional<std::string> bytes;
  };
  struct Disk {  // of one file
    std::string durable;
    std::vector<Change> pending;  // since the latest fsync
  };
  struct Order {
    DiskFile file;
    DiskCall call;
    int left;
  };

  Disk& diskOf(DiskFile file) REQUIRES(mutex_) { return file == DiskFile::kWal ? wal_ : database_; }
  void countDown() REQUIRES(mutex_);
  static void apply(const Change& change, std::string& content);
  static std::string remains(const Disk& disk, std::mt19937& random);

  std::string name_;
  sqlite3_vfs* vfs_;
  std::atomic<bool> wal_full_{false}, database_full_{false}, read_only_{false};
  std::atomic<int> wal_syncs_{0}, database_syncs_{0};
  std::atomic<std::int64_t> wal_synced_bytes_{0};

  mutable Mutex mutex_;
  std::optional<Order> order_ GUARDED_BY(mutex_);
  bool following_ GUARDED_BY(mutex_) = false;
  Disk wal_ GUARDED_BY(mutex_), database_ GUARDED_BY(mutex_);
  int cut_in_ GUARDED_BY(mutex_) = 0;
  unsigned seed_ GUARDED_BY(mutex_) = 0;
  std::function<void()> noticed_ GUARDED_BY(mutex_);
  std::optional<DiskImage> image_ GUARDED_BY(mutex_);
};

}  // namespace modhost::host
