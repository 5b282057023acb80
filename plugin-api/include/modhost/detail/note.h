// The ELF note of a module, as bytes: a note header and modhost_note (abi.h), which the host reads
// from the file before it loads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "modhost/abi.h"
#include "modhost/module_info.h"

namespace modhost::detail {

// The oldest host this SDK's code runs on: raise it when something of a newer minor is used without
// a check.
inline constexpr std::uint16_t kAbiMinorNeeded = 0;

#ifdef __clang__
inline constexpr std::string_view kSdkText = "modhost C++ SDK, " __VERSION__;
#else
inline constexpr std::string_view kSdkText = "modhost C++ SDK, g++ " __VERSION__;
#endif

struct NoteSection {
  std::uint32_t name_size;
  std::uint32_t content_size;
  std::uint32_t type;
  char name[sizeof(MODHOST_NOTE_NAME)];
  modhost_note content;
};
static_assert(sizeof(modhost_note) == 176 && sizeof(NoteSection) == 12 + 8 + 176,
              "a note has no padding and its parts are multiples of 4 bytes");

constexpr bool isModuleId(std::string_view id) {
  for (const char c : id) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  }
  return !id.empty() && id.size() < sizeof(modhost_note::id);
}

constexpr bool isModuleVersion(std::string_view version) {
  return !version.empty() && version.size() < sizeof(modhost_note::version);
}

// Cuts, and leaves at least one zero at the end.
template <std::size_t kCapacity>
constexpr void copyText(char (&to)[kCapacity], std::string_view from) {
  for (std::size_t i = 0; i + 1 < kCapacity && i < from.size(); ++i) to[i] = from[i];
}

constexpr NoteSection noteOf(const ModuleInfo& info) {
  NoteSection note{};
  note.name_size = sizeof(note.name);
  note.content_size = sizeof(note.content);
  note.type = MODHOST_NOTE_TYPE;
  copyText(note.name, MODHOST_NOTE_NAME);
  note.content.size = sizeof(modhost_note);
  note.content.word_size = sizeof(void*);
  note.content.abi_major = MODHOST_ABI_MAJOR;
  note.content.abi_min_minor = kAbiMinorNeeded;
  copyText(note.content.id, info.id);
  copyText(note.content.version, info.version);
  copyText(note.content.sdk, kSdkText);
  return note;
}

}  // namespace modhost::detail
