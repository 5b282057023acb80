// The ELF note of a module: who it is and which ABI it needs, read from the file's bytes before
// anything of it is loaded. Static constructors run inside dlopen(), so an incompatible file must
// be refused without it.
//
// Every byte is untrusted: all offsets and sizes are checked against the file, nothing is followed
// twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "host/base/result.h"

namespace modhost::host {

struct ModuleNote {
  std::string id;       // [a-z0-9-]+, at most 63 bytes
  std::string version;  // printable
  std::string sdk;      // compiler and SDK, for messages only; may be empty
  int abi_major = 0;
  int abi_min_minor = 0;
};

// A module is read whole before it is copied; a larger file is refused. The largest we have seen,
// with all of its libraries linked in, had 40 MB.
inline constexpr std::size_t kModuleFileBytesMax = 256u << 20;

// The note in the bytes of an ELF file: through its program headers, else its section headers.
// kInvalid with words that fit after "path: ": not an ELF file, 32-bit, another machine or byte
// order, not a shared object, no note of ours, a malformed note. Says nothing about the version.
// Never throws.
Result<ModuleNote> parseNote(std::span<const std::byte> file);

// Same major, and the module's min_minor not above the host's; else kInvalid, naming id, what it
// needs, what this host offers, and which side to upgrade.
Result<void> checkAbi(const ModuleNote& note);

// The bytes of a regular file. kInvalid, naming the path: not found, not readable, not a regular
// file, too large.
Result<std::string> readModuleFile(const std::string& path);

// readModuleFile + parseNote + checkAbi; every message starts with the path.
Result<ModuleNote> readNote(const std::string& path);
// The same for bytes that were read already.
Result<ModuleNote> readNote(const std::string& path, std::string_view bytes);

// True for what may name a module: [a-z0-9-]+, at most 63 bytes.
bool moduleIdValid(std::string_view id);

}  // namespace modhost::host
