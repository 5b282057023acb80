#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "host/base/crypto.h"
#include "host/base/fd.h"
#include "host/base/log.h"
#include "host/modules/library.h"

namespace modhost::host {
namespace {

namespace fs = std::filesystem;

Error invalid(std::string message) { return Error{ErrorKind::kInvalid, std::move(message)}; }

// When a process started, in clock ticks since boot: with its pid, a name that no later process
// has. Empty: there is no such process.
std::string processStart(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  std::getline(file, line);
  // Fields count from behind the command's name, which may hold spaces and brackets; it is field 2.
  const std::size_t after_name = line.rfind(')');
  if (after_name == std::string::npos) return "";
  std::istringstream fields(line.substr(after_name + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  return field;
}

std::string uniquePrefix() {
  const std::string pid = std::to_string(::getpid());
  return pid + "-" + processStart(pid) + "-";
}

std::vector<std::string> splitAtDashes(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, '-');) parts.push_back(part);
  return parts;
}

bool allDigits(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// True for a name that a copy of a process that is gone has; other files in the folder are not
// ours.
bool isStale(const std::string& name) {
  if (!name.ends_with(".so")) return false;
  const std::vector<std::string> parts = splitAtDashes(name);
  if (parts.size() < 5) return false;
  const std::string& pid = parts[parts.size() - 4];
  const std::string& start = parts[parts.size() - 3];
  if (!allDigits(pid) || !allDigits(start)) return false;
  return processStart(pid) != start;
}

void purge(const std::string& folder) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    if (!isStale(entry.path().filename().string())) continue;
    if (fs::remove(entry.path(), ignored)) {
      logInfo("modules", "removed a module's copy whose process is gone",
              {{"file", entry.path().string()}});
    }
  }
}

Result<void> writeFile(const std::string& path, std::string_view bytes, mode_t mode) {
  const auto failed = [&] {
    return Error{ErrorKind::kUnavailable, path + ": " + std::strerror(errno)};
  };
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd.valid()) return failed();
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed();
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

std::string uniqueName(const RunDir& run_dir, const std::string& id, const std::string& digest) {
  static std::atomic<std::uint64_t> number{0};
  return run_dir.path() + "/" + id + "-" + uniquePrefix() + std::to_string(++number) + "-" +
         digest.substr(0, 8) + ".so";
}

// Maps a page of a file in the folder as code, since that is what the loader will do. Security
// modules refuse it too, on file systems that are not mounted noexec.
Result<void> probe(const RunDir& run_dir) {
  const std::string path = uniqueName(run_dir, "probe", "00000000");
  const Result<void> written = writeFile(path, std::string(4096, '\0'), 0500);
  if (!written.ok()) return invalid("run_dir cannot be written: " + written.error().message);
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  void* page = fd.valid() ? ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd.get(), 0)
                          : MAP_FAILED;
  const int error = errno;
  ::unlink(path.c_str());
  if (page != MAP_FAILED) {
    ::munmap(page, 4096);
    return {};
  }
  struct statvfs mount {};
  const bool noexec =
      ::statvfs(run_dir.path().c_str(), &mount) == 0 && (mount.f_flag & ST_NOEXEC) != 0;
  return invalid(run_dir.path() + ": no code can be loaded from this run_dir: " +
                 (noexec
                      ? "its file system is mounted with the option noexec; choose another folder"
                      : std::strerror(error)));
}

}  // namespace

Result<RunDir> RunDir::open(const std::string& path) {
  std::error_code error;
  const bool made = fs::create_directories(path, error);
  if (error) return invalid(path + ": the run_dir cannot be made: " + error.message());
  if (made) ::chmod(path.c_str(), 0700);
  RunDir run_dir(fs::canonical(path, error).string());
  if (error) return invalid(path + ": " + error.message());
  purge(run_dir.path());
  const Result<void> usable = probe(run_dir);
  if (!usable.ok()) return usable.error();
  return run_dir;
}

Result<ModuleCopy> ModuleCopy::make(const std::string& source, const RunDir& run_dir) {
  const Result<std::string> bytes = readModuleFile(source);
  if (!bytes.ok()) return bytes.error();
  Result<ModuleNote> note = readNote(source, bytes.value());
  if (!note.ok()) return note.error();
  const std::string digest = hex(sha256(bytes.value()));
  const std::string path = uniqueName(run_dir, note.value().id, digest);
  ModuleCopy copy(path, source, note.take(), digest);
  const Result<void> written = writeFile(copy.path_, bytes.value(), 0500);
  if (!written.ok()) return written.error();
  return copy;
}

ModuleCopy::~ModuleCopy() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

ModuleCopy::ModuleCopy(ModuleCopy&& other) noexcept
    : path_(std::exchange(other.path_, "")),
      source_(std::move(other.source_)),
      note_(std::move(other.note_)),
      digest_(std::move(other.digest_)) {}

}  // namespace modhost::host
