#include "host/modules/library.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "host/base/mutex.h"
#include "host/modules/config_schema.h"
#include "host/modules/sanitized.h"

namespace modhost::host {
namespace {

// The descriptor as ABI 1.0 had it; later ones are only longer.
constexpr std::size_t kDescriptorBytesMin = 152;
static_assert(sizeof(modhost_module) >= kDescriptorBytesMin);

Mutex loader_mutex;

Error invalid(std::string message) { return Error{ErrorKind::kInvalid, std::move(message)}; }

std::string loaderError() {
  const char* text = ::dlerror();
  return text != nullptr ? text : "unknown loader error";
}

void closeHandle(void* handle) {
  MutexLock lock(loader_mutex);
  ::dlclose(handle);
}

// A copy of a view, or nothing when it is larger than allowed or points nowhere.
std::optional<std::string> textOf(const modhost_view& view, std::size_t bytes_max) {
  if (view.size > bytes_max || (view.data == nullptr && view.size > 0)) return std::nullopt;
  return std::string(view.data == nullptr ? "" : view.data, static_cast<std::size_t>(view.size));
}

bool functionsOffered(const modhost_module& table) {
  return table.create != nullptr && table.start != nullptr && table.handle != nullptr &&
         table.stop != nullptr && table.destroy != nullptr;
}

std::optional<std::vector<std::string>> eventTypesOf(const modhost_module& table) {
  if (table.event_types_count > kEventTypesMax) return std::nullopt;
  if (table.event_types == nullptr && table.event_types_count > 0) return std::nullopt;
  std::vector<std::string> types;
  for (std::uint64_t i = 0; i < table.event_types_count; ++i) {
    auto type = textOf(table.event_types[i], kDescriptionBytesMax);
    if (!type) return std::nullopt;
    types.push_back(std::move(*type));
  }
  return types;
}

}  // namespace

Result<std::unique_ptr<SharedLibrary>> SharedLibrary::load(const std::string& path,
                                                           const std::string& source,
                                                           const ModuleNote& note) {
  void* handle = nullptr;
  std::string error;
  {
    MutexLock lock(loader_mutex);
    handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) error = loaderError();
  }
  if (handle == nullptr) return invalid(source + ": cannot be loaded: " + error);
  std::unique_ptr<SharedLibrary> library(new SharedLibrary(path, handle));
  const Result<void> described = library->describe(note);
  if (!described.ok()) {
    closeHandle(handle);
    return invalid(source + ": " + described.error().message);
  }
  return library;
}

bool SharedLibrary::unload() {
  table_ = {};
  if (kSanitized) return false;  // LeakSanitizer could no longer name the module's code
  MutexLock lock(loader_mutex);
  ::dlclose(std::exchange(handle_, nullptr));
  // dlclose says 0 either way. RTLD_NOLOAD finds what is still there, and takes a reference of its
  // own.
  void* still = ::dlopen(path_.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (still != nullptr) ::dlclose(still);
  return still == nullptr;
}

Result<void> SharedLibrary::describe(const ModuleNote& note) {
  void* symbol = ::dlsym(handle_, MODHOST_ENTRY_SYMBOL);
  if (symbol == nullptr) return invalid("it does not export " MODHOST_ENTRY_SYMBOL);
  modhost_host_info info{};
  info.size = sizeof(info);
  info.abi_major = MODHOST_ABI_MAJOR;
  info.abi_minor = MODHOST_ABI_MINOR;
  info.host_version = {MODHOST_VERSION, sizeof(MODHOST_VERSION) - 1};
  const auto entry = reinterpret_cast<modhost_entry_fn>(symbol);
  const modhost_module* theirs = entry(&info);
  if (theirs == nullptr) return invalid(MODHOST_ENTRY_SYMBOL " returned null");
  if (theirs->size < kDescriptorBytesMin) return invalid("its descriptor is too short");
  std::memcpy(&table_, theirs, std::min<std::size_t>(theirs->size, sizeof(table_)));

  const auto id = textOf(table_.id, sizeof(modhost_note::id));
  const auto version = textOf(table_.version, sizeof(modhost_note::version));
  const auto description = textOf(table_.description, kDescriptionBytesMax);
  const auto schema = textOf(table_.config_schema, kConfigSchemaBytesMax);
  auto types = eventTypesOf(table_);
  if (!id || !version || !description || !schema || !types) {
    return invalid("its descriptor holds a text that is too long or points nowhere");
  }
  if (*id != note.id || *version != note.version || table_.abi_major != note.abi_major) {
    return invalid("its descriptor and its note disagree about id, version or ABI: the note says " +
                   note.id + " " + note.version);
  }
  if (!functionsOffered(table_)) {
    return invalid("its descriptor lacks one of create, start, handle, stop, destroy");
  }
  if (table_.concurrency_max < 1 || table_.concurrency_max > kConcurrencyMax) {
    return invalid("its descriptor's concurrency_max is not between 1 and " +
                   std::to_string(kConcurrencyMax));
  }
  description_ = {*id,
                  *version,
                  *description,
                  *schema,
                  std::move(*types),
                  static_cast<int>(table_.concurrency_max),
                  Milliseconds(table_.timeout_default_ms),
                  (table_.isolation_allowed & MODHOST_ISOLATION_WORKER) != 0,
                  (table_.isolation_allowed & MODHOST_ISOLATION_IN_PROCESS) != 0,
                  note.abi_major,
                  note.abi_min_minor};
  if (!description_.worker_allowed && !description_.in_process_allowed) {
    return invalid("its descriptor allows neither isolation");
  }
  return {};
}

}  // namespace modhost::host
