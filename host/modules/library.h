// From a module's file to its functions: a private copy, dlopen, the one entry symbol, its
// descriptor checked and copied. dlfcn.h is included by library.cpp and nowhere else.
#pragma once

#include <modhost/abi.h>

#include <memory>
#include <string>

#include "host/base/result.h"
#include "host/modules/elf_note.h"
#include "host/modules/module_runner.h"

namespace modhost::host {

// The folder of the private copies, ready for use. Copies have names that are never used twice,
// <id>-<pid>-<start of that process>-<number>-<first 8 of its SHA-256>.so: glibc would answer a
// name it knows with the old code.
class RunDir {
 public:
  // Makes the folder (0700) if needed, removes copies whose process is gone, and maps a page of a
  // file in it as code. kInvalid, naming the folder: cannot be made or written, or its file system
  // is mounted noexec.
  static Result<RunDir> open(const std::string& path);

  const std::string& path() const { return path_; }

 private:
  explicit RunDir(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// A module's file as it was at one moment, in the run dir, mode 0500. What happens to the original
// later does not matter. The copy is removed with its owner; one whose process died, by the next
// RunDir::open().
class ModuleCopy {
 public:
  // Reads the file once, checks the note in these bytes (readNote), and writes the same bytes.
  // kInvalid with the path in front. kUnavailable: the copy could not be written.
  static Result<ModuleCopy> make(const std::string& source, const RunDir& run_dir);

  ~ModuleCopy();
  ModuleCopy(ModuleCopy&& other) noexcept;
  ModuleCopy& operator=(ModuleCopy&&) = delete;
  ModuleCopy(const ModuleCopy&) = delete;
  ModuleCopy& operator=(const ModuleCopy&) = delete;

  const std::string& path() const { return path_; }      // of the copy
  const std::string& source() const { return source_; }  // for messages
  const ModuleNote& note() const { return note_; }
  // SHA-256 of its bytes, in hex: two copies with the same digest are the same code.
  const std::string& digest() const { return digest_; }
  // Leaves the file in place, since code mapped from it stays in use until this process ends.
  void keep() { path_.clear(); }

 private:
  ModuleCopy(std::string path, std::string source, ModuleNote note, std::string digest)
      : path_(std::move(path)),
        source_(std::move(source)),
        note_(std::move(note)),
        digest_(std::move(digest)) {}

  std::string path_;  // empty: keep the file
  std::string source_;
  ModuleNote note_;
  std::string digest_;
};

// What a descriptor may hold; more is refused as malformed.
inline constexpr std::size_t kDescriptionBytesMax = 4 * 1024;
inline constexpr std::size_t kEventTypesMax = 256;
inline constexpr int kConcurrencyMax = 10'000;

// A loaded module. Loading and unloading take one lock for the whole process.
class SharedLibrary {
 public:
  // Loads the copy at `path` (RTLD_NOW | RTLD_LOCAL), asks its entry symbol for the descriptor, and
  // checks that against `note`. Runs the file's static constructors. `source` is what messages
  // name. kInvalid: whatever makes it not a module we can run; nothing stays loaded that can be
  // unloaded.
  static Result<std::unique_ptr<SharedLibrary>> load(const std::string& path,
                                                     const std::string& source,
                                                     const ModuleNote& note);

  // Leaves the file mapped unless unload() was called.
  ~SharedLibrary() = default;
  SharedLibrary(const SharedLibrary&) = delete;
  SharedLibrary& operator=(const SharedLibrary&) = delete;

  // The host's copy of the descriptor: members that the module's build does not have are zero. Its
  // function pointers are valid until unload().
  const modhost_module& table() const { return table_; }
  const ModuleDescription& description() const { return description_; }

  // dlclose. True: really gone. False: something keeps it mapped (a unique symbol, a thread-local
  // with a destructor, or a sanitizer that wants to name its code later). Call at most once, after
  // destroy().
  bool unload();

 private:
  SharedLibrary(std::string path, void* handle) : path_(std::move(path)), handle_(handle) {}
  Result<void> describe(const ModuleNote& note);

  const std::string path_;
  void* handle_;
  modhost_module table_{};
  ModuleDescription description_;
};

}  // namespace modhost::host
