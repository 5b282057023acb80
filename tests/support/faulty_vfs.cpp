#include "tests/support/faulty_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>

namespace modhost::host {
namespace {

// SQLite allocates szOsFile bytes: this, then the real file.
struct File {
  sqlite3_file base;
  FaultyVfs* owner;
  DiskFile kind;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File& as(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
sqlite3_file* real(sqlite3_file* file) { return as(file).real(); }
const sqlite3_io_methods& under(sqlite3_file* file) { return *real(file)->pMethods; }

// SQLite asks errno what the system said.
int failWith(int code, int system_error) {
  errno = system_error;
  return code;
}

int closeFile(sqlite3_file* f) { return under(f).xClose(real(f)); }

int readFile(sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
  if (as(f).owner->hits(as(f).kind, DiskCall::kRead)) return failWith(SQLITE_IOERR_READ, EIO);
  return under(f).xRead(real(f), to, size, at);
}

int passWrite(sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
  as(f).owner->writing(as(f).kind, at,
                       std::string(static_cast<const char*>(from), static_cast<std::size_t>(size)));
  return under(f).xWrite(real(f), from, size, at);
}

int writeFile(sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
  FaultyVfs& disk = *as(f).owner;
  if (disk.readOnly()) return failWith(SQLITE_IOERR_WRITE, EROFS);
  if (disk.diskFull(as(f).kind)) return failWith(SQLITE_FULL, ENOSPC);
  if (disk.hits(as(f).kind, DiskCall::kWrite)) return failWith(SQLITE_IOERR_WRITE, EIO);
  if (disk.hits(as(f).kind, DiskCall::kTornWrite)) {
    passWrite(f, from, size / 2, at);
    return failWith(SQLITE_IOERR_WRITE, EIO);
  }
  return passWrite(f, from, size, at);
}

int truncateFile(sqlite3_file* f, sqlite3_int64 size) {
  FaultyVfs& disk = *as(f).owner;
  if (disk.readOnly()) return failWith(SQLITE_IOERR_TRUNCATE, EROFS);
  if (disk.hits(as(f).kind, DiskCall::kTruncate)) return failWith(SQLITE_IOERR_TRUNCATE, EIO);
  disk.truncating(as(f).kind, size);
  return under(f).xTruncate(real(f), size);
}

// The real disk is not asked: the images of a power cut come from our own books.
int syncFile(sqlite3_file* f, int) {
  FaultyVfs& disk = *as(f).owner;
  if (disk.hits(as(f).kind, DiskCall::kSync)) return failWith(SQLITE_IOERR_FSYNC, EIO);
  disk.syncing();
  sqlite3_int64 size = 0;
  const int code = under(f).xFileSize(real(f), &size);
  if (code == SQLITE_OK) disk.synced(as(f).kind, size);
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
  if (as(f).owner->hits(DiskFile::kDatabase, DiskCall::kShmMap)) {
    return failWith(SQLITE_IOERR_SHMMAP, EIO);
  }
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
  as(f).kind = (flags & SQLITE_OPEN_WAL) != 0 ? DiskFile::kWal : DiskFile::kDatabase;
  as(f).base.pMethods = nullptr;
  const int code = vfs->under->xOpen(vfs->under, name, real(f), flags, out_flags);
  if (real(f)->pMethods != nullptr) as(f).base.pMethods = &kMethods;
  return code;
}

constexpr std::size_t kSectorBytes = 512;

std::string contentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
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

void FaultyVfs::fail(DiskFile file, DiskCall call, int nth) {
  MutexLock lock(mutex_);
  order_ = Order{file, call, nth};
}

void FaultyVfs::mend() {
  MutexLock lock(mutex_);
  order_.reset();
}

bool FaultyVfs::failed() const {
  MutexLock lock(mutex_);
  return order_ && order_->left == 0;
}

void FaultyVfs::setDiskFull(bool full, DiskFile file) {
  (file == DiskFile::kWal ? wal_full_ : database_full_) = full;
}

bool FaultyVfs::hits(DiskFile file, DiskCall call) {
  MutexLock lock(mutex_);
  if (!order_ || order_->file != file || order_->call != call || order_->left == 0) return false;
  return --order_->left == 0;
}

void FaultyVfs::followDisk(const std::string& path) {
  MutexLock lock(mutex_);
  database_ = {contentOf(path), {}};
  wal_ = {contentOf(path + "-wal"), {}};
  following_ = true;
}

void FaultyVfs::cutPower(int nth, unsigned seed, std::function<void()> noticed) {
  MutexLock lock(mutex_);
  cut_in_ = nth;
  seed_ = seed;
  noticed_ = std::move(noticed);
}

std::optional<DiskImage> FaultyVfs::image() const {
  MutexLock lock(mutex_);
  return image_;
}

void FaultyVfs::writing(DiskFile file, std::int64_t at, std::string bytes) {
  MutexLock lock(mutex_);
  countDown();
  if (following_) diskOf(file).pending.push_back({at, std::move(bytes)});
}

void FaultyVfs::truncating(DiskFile file, std::int64_t size) {
  MutexLock lock(mutex_);
  countDown();
  if (following_) diskOf(file).pending.push_back({size, std::nullopt});
}

void FaultyVfs::syncing() {
  MutexLock lock(mutex_);
  countDown();
}

void FaultyVfs::synced(DiskFile file, std::int64_t size) {
  if (file == DiskFile::kWal) {
    ++wal_syncs_;
    wal_synced_bytes_ = size;
  } else {
    ++database_syncs_;
  }
  MutexLock lock(mutex_);
  Disk& disk = diskOf(file);
  for (const Change& change : std::exchange(disk.pending, {})) apply(change, disk.durable);
}

void FaultyVfs::countDown() {
  if (cut_in_ == 0 || --cut_in_ > 0) return;
  std::mt19937 random(seed_);
  image_ = DiskImage{remains(database_, random), remains(wal_, random)};
  if (noticed_) noticed_();
}

void FaultyVfs::apply(const Change& change, std::string& content) {
  const auto at = static_cast<std::size_t>(change.at);
  if (!change.bytes) return content.resize(at);
  content.resize(std::max(content.size(), at + change.bytes->size()));
  std::copy(change.bytes->begin(), change.bytes->end(),
            content.begin() + static_cast<std::ptrdiff_t>(at));
}

std::string FaultyVfs::remains(const Disk& disk, std::mt19937& random) {
  std::string content = disk.durable;
  for (const Change& change : disk.pending) {
    Change part = change;
    switch (random() % 4) {
      case 0:
        continue;  // it never arrived
      case 1:
        if (part.bytes)
          part.bytes->resize(random() % (part.bytes->size() / kSectorBytes + 1) * kSectorBytes);
        break;
      default:
        break;
    }
    apply(part, content);
  }
  return content;
}

}  // namespace modhost::host
