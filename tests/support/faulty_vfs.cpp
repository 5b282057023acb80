#include "tests/support/faulty_vfs.h"

#include <sqlite3.h>

#include <new>

namespace modhost::host {
namespace {

// SQLite allocates szOsFile bytes: this, then the real file.
struct File {
  sqlite3_file base;
  FaultyVfs* owner;
  bool wal;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File& as(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
sqlite3_file* real(sqlite3_file* file) { return as(file).real(); }
const sqlite3_io_methods& under(sqlite3_file* file) { return *real(file)->pMethods; }

int closeFile(sqlite3_file* f) { return under(f).xClose(real(f)); }
int readFile(sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
  return under(f).xRead(real(f), to, size, at);
}
int writeFile(sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
  if (as(f).wal && as(f).owner->diskFull()) return SQLITE_FULL;
  if (as(f).wal && as(f).owner->writeFails()) return SQLITE_IOERR_WRITE;
  return under(f).xWrite(real(f), from, size, at);
}
int truncateFile(sqlite3_file* f, sqlite3_int64 size) { return under(f).xTruncate(real(f), size); }
int syncFile(sqlite3_file* f, int flags) {
  if (as(f).wal && as(f).owner->syncFails()) return SQLITE_IOERR_FSYNC;
  const int code = under(f).xSync(real(f), flags);
  sqlite3_int64 size = 0;
  if (as(f).wal && code == SQLITE_OK && under(f).xFileSize(real(f), &size) == SQLITE_OK) {
    as(f).owner->walSynced(size);
  }
  return code;
}
int fileSize(sqlite3_file* f, sqlite3_int64* size) { return under(f).xFileSize(real(f), size); }
int lockFile(sqlite3_file* f, int level) { return under(f).xLock(real(f), level); }
int unlockFile(sqlite3_file* f, int level) { return under(f).xUnlock(real(f), level); }
int checkReserved(sqlite3_file* f, int* out) { return under(f).xCheckReservedLock(real(f), out); }
int fileControl(sqlite3_file* f, int op, void* arg) {
  return under(f).xFileControl(real(f), op, arg);
}
int sectorSize(sqlite3_file* f) { return under(f).xSectorSize(real(f)); }
int deviceTraits(sqlite3_file* f) { return under(f).xDeviceCharacteristics(real(f)); }
int shmMap(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  return under(f).xShmMap(real(f), page, size, extend, out);
}
int shmLock(sqlite3_file* f, int offset, int n, int flags) {
  return under(f).xShmLock(real(f), offset, n, flags);
}
void shmBarrier(sqlite3_file* f) { under(f).xShmBarrier(real(f)); }
int shmUnmap(sqlite3_file* f, int remove) { return under(f).xShmUnmap(real(f), remove); }

const sqlite3_io_methods kMethods = {
    2,        closeFile,  readFile,      writeFile,   truncateFile, syncFile,     fileSize,
    lockFile, unlockFile, checkReserved, fileControl, sectorSize,   deviceTraits, shmMap,
    shmLock,  shmBarrier, shmUnmap,      nullptr,     nullptr};

struct Vfs : sqlite3_vfs {
  sqlite3_vfs* under;
  FaultyVfs* owner;
};

int openFile(sqlite3_vfs* raw, const char* name, sqlite3_file* f, int flags, int* out_flags) {
  auto* vfs = static_cast<Vfs*>(raw);
  as(f).owner = vfs->owner;
  as(f).wal = (flags & SQLITE_OPEN_WAL) != 0;
  as(f).base.pMethods = nullptr;
  const int code = vfs->under->xOpen(vfs->under, name, real(f), flags, out_flags);
  if (real(f)->pMethods != nullptr) as(f).base.pMethods = &kMethods;
  return code;
}

bool hits(std::atomic<int>& fails_in) {
  int left = fails_in;
  while (left > 0) {
    if (fails_in.compare_exchange_weak(left, left - 1)) return left == 1;
  }
  return false;
}

}  // namespace

FaultyVfs::FaultyVfs() {
  static std::atomic<int> count{0};
  name_ = "faulty-" + std::to_string(++count);
  auto* vfs = new Vfs;
  sqlite3_vfs* usual = sqlite3_vfs_find(nullptr);
  static_cast<sqlite3_vfs&>(*vfs) = *usual;
  vfs->under = usual;
  vfs->owner = this;
  vfs->pNext = nullptr;
  vfs->zName = name_.c_str();
  vfs->szOsFile = static_cast<int>(sizeof(File)) + usual->szOsFile;
  vfs->xOpen = openFile;
  vfs_ = vfs;
  sqlite3_vfs_register(vfs_, 0);
}

FaultyVfs::~FaultyVfs() {
  sqlite3_vfs_unregister(vfs_);
  delete static_cast<Vfs*>(vfs_);
}

bool FaultyVfs::syncFails() { return hits(sync_fails_in_); }
bool FaultyVfs::writeFails() { return hits(write_fails_in_); }

void FaultyVfs::walSynced(std::int64_t bytes) {
  ++wal_syncs_;
  wal_synced_bytes_ = bytes;
}

}  // namespace modhost::host
