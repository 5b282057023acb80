#include "bench/memory_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string>

namespace modhost::bench {
namespace {

using Bytes = std::string;

struct File {
  sqlite3_file base;  // first: SQLite sees this
  std::shared_ptr<Bytes> bytes;
};

std::map<std::string, std::shared_ptr<Bytes>>& files() {
  static std::map<std::string, std::shared_ptr<Bytes>> all;
  return all;
}

Bytes& bytesOf(sqlite3_file* file) { return *reinterpret_cast<File*>(file)->bytes; }

int closeFile(sqlite3_file* file) {
  reinterpret_cast<File*>(file)->~File();
  return SQLITE_OK;
}

int readFile(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  const Bytes& bytes = bytesOf(file);
  const auto wanted = static_cast<std::size_t>(size);
  const std::size_t from = std::min(static_cast<std::size_t>(offset), bytes.size());
  const std::size_t got = std::min(wanted, bytes.size() - from);
  std::memcpy(to, bytes.data() + from, got);
  std::memset(static_cast<char*>(to) + got, 0, wanted - got);
  return got == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int writeFile(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  Bytes& bytes = bytesOf(file);
  const auto end = static_cast<std::size_t>(offset) + static_cast<std::size_t>(size);
  if (bytes.size() < end) bytes.resize(end);
  std::memcpy(bytes.data() + offset, from, static_cast<std::size_t>(size));
  return SQLITE_OK;
}

int truncateFile(sqlite3_file* file, sqlite3_int64 size) {
  bytesOf(file).resize(static_cast<std::size_t>(size));
  return SQLITE_OK;
}

int fileSize(sqlite3_file* file, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>(bytesOf(file).size());
  return SQLITE_OK;
}

int nothing(sqlite3_file*, int) { return SQLITE_OK; }
int nobodyLocks(sqlite3_file*, int* locked) {
  *locked = 0;
  return SQLITE_OK;
}
int noControl(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int noSector(sqlite3_file*) { return 0; }

constexpr sqlite3_io_methods kMethods = {
    1,       closeFile, readFile,    writeFile, truncateFile, nothing /* sync */, fileSize,
    nothing, nothing,   nobodyLocks, noControl, noSector,     noSector,           nullptr,
    nullptr, nullptr,   nullptr,     nullptr,   nullptr};

int openFile(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* made = new (file) File{};
  made->base.pMethods = &kMethods;
  std::shared_ptr<Bytes>& bytes = files()[name != nullptr ? name : ""];
  if (!bytes) bytes = std::make_shared<Bytes>();
  made->bytes = bytes;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int deleteFile(sqlite3_vfs*, const char* name, int) {
  files().erase(name);
  return SQLITE_OK;
}

int accessFile(sqlite3_vfs*, const char* name, int, int* there) {
  *there = files().count(name) != 0 ? 1 : 0;
  return SQLITE_OK;
}

int fullPath(sqlite3_vfs*, const char* name, int size, char* to) {
  sqlite3_snprintf(size, to, "%s", name);
  return SQLITE_OK;
}

// The same bytes each time: a WAL's salts decide nothing here, and counts must not vary.
int noRandomness(sqlite3_vfs*, int size, char* to) {
  std::memset(to, 0, static_cast<std::size_t>(size));
  return size;
}

}  // namespace

void registerMemoryVfs() {
  static sqlite3_vfs vfs = *sqlite3_vfs_find(nullptr);
  vfs.zName = kMemoryVfs;
  vfs.szOsFile = sizeof(File);
  vfs.xOpen = openFile;
  vfs.xDelete = deleteFile;
  vfs.xAccess = accessFile;
  vfs.xFullPathname = fullPath;
  vfs.xRandomness = noRandomness;
  sqlite3_vfs_register(&vfs, 0);
}

}  // namespace modhost::bench
