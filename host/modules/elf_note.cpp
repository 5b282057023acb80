#include "host/modules/elf_note.h"

#include <elf.h>
#include <fcntl.h>
#include <modhost/abi.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <type_traits>

#include "host/base/fd.h"
#include "host/base/file_trust.h"

// A note lies in a PT_NOTE segment (and, unless stripped, an SHT_NOTE section) as
//   u32 name_size, u32 description_size, u32 type, name padded, description padded
// where "padded" means to 4 bytes, or to 8 in segments aligned so. Linkers merge notes of one
// alignment into one segment and compilers may raise an object's alignment, so both paddings are
// tried.

namespace modhost::host {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
constexpr const char* kMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
constexpr const char* kMachineName = "aarch64";
#else
#error "name this machine's ELF number here"
#endif

// The note as ABI 1.0 had it; later ones are only longer.
constexpr std::size_t kNoteBytesMin = 176;
static_assert(sizeof(modhost_note) >= kNoteBytesMin);

using Bytes = std::span<const std::byte>;

Error invalid(std::string message) { return Error{ErrorKind::kInvalid, std::move(message)}; }

// The sub-range, or nothing when it does not lie wholly inside.
std::optional<Bytes> slice(Bytes bytes, std::uint64_t offset, std::uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset) return std::nullopt;
  return bytes.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
}

// A copy, since nothing in a file need be aligned.
template <typename T>
std::optional<T> load(Bytes bytes, std::uint64_t offset) {
  static_assert(std::is_trivially_copyable_v<T>);
  const std::optional<Bytes> from = slice(bytes, offset, sizeof(T));
  if (!from) return std::nullopt;
  T value;
  std::memcpy(&value, from->data(), sizeof(T));
  return value;
}

Result<Elf64_Ehdr> elfHeader(Bytes file) {
  if (file.size() < SELFMAG || std::memcmp(file.data(), ELFMAG, SELFMAG) != 0) {
    return invalid("not an ELF file");
  }
  if (file.size() < EI_NIDENT) return invalid("not an ELF file: it ends inside its header");
  if (file[EI_CLASS] != std::byte{ELFCLASS64}) {
    return invalid("a 32-bit ELF file; this host loads 64-bit modules");
  }
  if (file[EI_DATA] != std::byte{ELFDATA2LSB}) {
    return invalid("an ELF file of the other byte order; this host is little-endian");
  }
  const auto header = load<Elf64_Ehdr>(file, 0);
  if (!header) return invalid("not an ELF file: it ends inside its header");
  if (header->e_machine != kMachine) {
    return invalid("an ELF file for another machine (number " + std::to_string(header->e_machine) +
                   "); this host is " + kMachineName);
  }
  if (header->e_type != ET_DYN) {
    return invalid("an ELF file, but not a shared object; link it as a module (-shared)");
  }
  return *header;
}

std::uint64_t padded(std::uint64_t size, std::uint64_t alignment) {
  return (size + alignment - 1) / alignment * alignment;
}

// Real files have a handful of each; the rest of a hostile file's are not looked at.
constexpr int kNoteRangesMax = 64;
constexpr int kNotesMax = 1024;  // in one range

// The description of the first note that is ours, in a range of notes.
std::optional<Bytes> findInRange(Bytes range, std::uint64_t alignment) {
  std::uint64_t at = 0;
  for (int notes = 0; notes < kNotesMax; ++notes) {
    const auto header = load<Elf64_Nhdr>(range, at);
    if (!header) return std::nullopt;
    const std::uint64_t name_at = at + sizeof(Elf64_Nhdr);
    const std::uint64_t description_at = padded(name_at + header->n_namesz, alignment);
    const auto name = slice(range, name_at, header->n_namesz);
    const auto description = slice(range, description_at, header->n_descsz);
    if (!name || !description) return std::nullopt;
    if (header->n_type == MODHOST_NOTE_TYPE && name->size() == sizeof(MODHOST_NOTE_NAME) &&
        std::memcmp(name->data(), MODHOST_NOTE_NAME, name->size()) == 0) {
      return description;
    }
    at = padded(description_at + header->n_descsz, alignment);
  }
  return std::nullopt;
}

std::optional<Bytes> findInEither(Bytes file, std::uint64_t offset, std::uint64_t size) {
  const std::optional<Bytes> range = slice(file, offset, size);
  if (!range) return std::nullopt;
  const std::optional<Bytes> found = findInRange(*range, 4);
  return found ? found : findInRange(*range, 8);
}

std::optional<Bytes> findBySegments(Bytes file, const Elf64_Ehdr& header) {
  if (header.e_phentsize != sizeof(Elf64_Phdr)) return std::nullopt;
  int ranges = 0;
  for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
    if (header.e_phoff > file.size()) return std::nullopt;
    const auto segment = load<Elf64_Phdr>(file, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment) return std::nullopt;
    if (segment->p_type != PT_NOTE) continue;
    if (++ranges > kNoteRangesMax) return std::nullopt;
    if (auto found = findInEither(file, segment->p_offset, segment->p_filesz)) return found;
  }
  return std::nullopt;
}

std::optional<Bytes> findBySections(Bytes file, const Elf64_Ehdr& header) {
  if (header.e_shentsize != sizeof(Elf64_Shdr)) return std::nullopt;
  int ranges = 0;
  for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
    if (header.e_shoff > file.size()) return std::nullopt;
    const auto section = load<Elf64_Shdr>(file, header.e_shoff + i * sizeof(Elf64_Shdr));
    if (!section) return std::nullopt;
    if (section->sh_type != SHT_NOTE) continue;
    if (++ranges > kNoteRangesMax) return std::nullopt;
    if (auto found = findInEither(file, section->sh_offset, section->sh_size)) return found;
  }
  return std::nullopt;
}

// The text of a zero-terminated member; nothing without its zero or with a byte that is not
// printable.
template <std::size_t N>
std::optional<std::string> text(const char (&member)[N]) {
  const std::size_t size = ::strnlen(member, N);
  if (size == N) return std::nullopt;
  for (std::size_t i = 0; i < size; ++i) {
    if (member[i] < 0x20 || member[i] > 0x7e) return std::nullopt;
  }
  return std::string(member, size);
}

Result<ModuleNote> decode(Bytes description) {
  modhost_note note{};
  if (description.size() < kNoteBytesMin) return invalid("a malformed modhost note: too short");
  std::memcpy(&note, description.data(), std::min(description.size(), sizeof(note)));
  if (note.size < kNoteBytesMin || note.size > description.size()) {
    return invalid("a malformed modhost note: its size does not fit");
  }
  if (note.word_size != sizeof(void*)) return invalid("a malformed modhost note: wrong word size");
  const auto id = text(note.id);
  const auto version = text(note.version);
  const auto sdk = text(note.sdk);
  if (!id || !moduleIdValid(*id)) {
    return invalid("a malformed modhost note: the id is not of the form [a-z0-9-]+");
  }
  if (!version || !sdk) return invalid("a malformed modhost note: version or sdk is not text");
  return ModuleNote{*id, *version, *sdk, note.abi_major, note.abi_min_minor};
}

}  // namespace

Result<ModuleNote> parseNote(std::span<const std::byte> file) {
  const Result<Elf64_Ehdr> header = elfHeader(file);
  if (!header.ok()) return header.error();
  std::optional<Bytes> description = findBySegments(file, header.value());
  if (!description) description = findBySections(file, header.value());
  if (!description) {
    return invalid("no modhost note: is it a modhost module? build it with modhost_add_module");
  }
  return decode(*description);
}

Result<void> checkAbi(const ModuleNote& note) {
  const bool newer_module = note.abi_major > MODHOST_ABI_MAJOR;
  const bool same_major = note.abi_major == MODHOST_ABI_MAJOR;
  if (same_major && note.abi_min_minor <= MODHOST_ABI_MINOR) return {};
  const std::string advice = newer_module || same_major
                                 ? "upgrade modhost"
                                 : "rebuild the module with this modhost's plugin-api";
  return invalid("module " + note.id + " needs ABI " + std::to_string(note.abi_major) + "." +
                 std::to_string(note.abi_min_minor) + ", this host offers " +
                 std::to_string(MODHOST_ABI_MAJOR) + "." + std::to_string(MODHOST_ABI_MINOR) +
                 ": " + advice);
}

constexpr const char* kNotFound =
    "not found; modules_dir, or the module's own path, says where it should be";

// Its code will run with the host's rights, or be handed its users' chats.
std::string strangersFault(int fd) {
  const auto rights = rightsOf(fd);
  if (!rights) return std::strerror(errno);
  const std::string owner = ownerFault(*rights, ownIds());
  return owner.empty() ? writersFault(*rights, ownIds()) : owner;
}

Result<std::string> readModuleFile(const std::string& path) {
  const auto failed = [&](const std::string& what) { return invalid(path + ": " + what); };
  // Not blocking, since opening a pipe would wait for its writer.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return failed(errno == ENOENT ? kNotFound : std::strerror(errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return failed(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return failed("not a regular file");
  const std::string fault = strangersFault(fd.get());
  if (!fault.empty()) return failed(fault);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > kModuleFileBytesMax) {
    return failed("larger than " + std::to_string(kModuleFileBytesMax) + " bytes");
  }
  std::string bytes(size, '\0');
  std::size_t used = 0;
  while (used < size) {
    const ssize_t n = ::read(fd.get(), bytes.data() + used, size - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(std::strerror(errno));
    if (n == 0) return failed("it was cut while being read; rename a finished file in instead");
    used += static_cast<std::size_t>(n);
  }
  return bytes;
}

Result<ModuleNote> readNote(const std::string& path, std::string_view bytes) {
  Result<ModuleNote> note = parseNote(std::as_bytes(std::span(bytes)));
  if (!note.ok()) return invalid(path + ": " + note.error().message);
  const Result<void> fits = checkAbi(note.value());
  if (!fits.ok()) return invalid(path + ": " + fits.error().message);
  return note;
}

Result<ModuleNote> readNote(const std::string& path) {
  const Result<std::string> bytes = readModuleFile(path);
  if (!bytes.ok()) return bytes.error();
  return readNote(path, bytes.value());
}

bool moduleIdValid(std::string_view id) {
  if (id.empty() || id.size() >= sizeof(modhost_note::id)) return false;
  for (const char c : id) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  }
  return true;
}

}  // namespace modhost::host
