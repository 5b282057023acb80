// MODHOST_EXPORT_MODULE(Class, {.id = "…", .version = "…", …}): makes `Class`, an IExternalModule
// with a default constructor, the module of this shared library. Once per library, in a .cpp,
// outside of any namespace; the braces are a ModuleInfo.
//
// It writes the two things the host looks for: the ELF note, read before the file is loaded, and
// the one exported function.
#pragma once

#include "modhost/abi.h"
#include "modhost/detail/note.h"
#include "modhost/detail/trampolines.h"
#include "modhost/module_info.h"

// "used" and "retain" keep the note through optimisation and --gc-sections; strip leaves it because
// it is part of what is loaded. The alignment is the note format's; g++ would otherwise raise it.
#define MODHOST_DETAIL_NOTE \
  [[gnu::used, gnu::retain, gnu::aligned(4), gnu::section(MODHOST_NOTE_SECTION)]]

#define MODHOST_EXPORT_MODULE(Class, ...)                                                      \
  namespace {                                                                                  \
  constexpr ::modhost::ModuleInfo modhost_module_info = __VA_ARGS__;                           \
  static_assert(::modhost::detail::isModuleId(modhost_module_info.id),                         \
                "a module's .id is 1 to 63 of [a-z0-9-]");                                     \
  static_assert(::modhost::detail::isModuleVersion(modhost_module_info.version),               \
                "a module's .version is 1 to 31 bytes");                                       \
  static_assert(modhost_module_info.concurrency > 0, "a module's .concurrency is at least 1"); \
  MODHOST_DETAIL_NOTE constexpr ::modhost::detail::NoteSection modhost_module_note =           \
      ::modhost::detail::noteOf(modhost_module_info);                                          \
  }                                                                                            \
  extern "C" [[gnu::visibility("default")]] const modhost_module* modhost_module_v1(           \
      const modhost_host_info* /*host*/) noexcept {                                            \
    return &::modhost::detail::Descriptor<Class, modhost_module_info>::kModule;                \
  }
