// ModuleInfo: what a module says of itself, known when it is compiled.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "modhost/abi.h"

namespace modhost {

inline constexpr std::size_t kEventTypesMax = 16;

// Event types, exact or with a trailing '*', e.g. {"unique.chat.external-module.chosen"}.
struct EventTypes {
  template <class... Names>
  constexpr EventTypes(Names... given)
      : names{std::string_view(given)...}, count(sizeof...(given)) {
    static_assert(sizeof...(given) <= kEventTypesMax,
                  "a module names at most kEventTypesMax event types");
  }

  std::array<std::string_view, kEventTypesMax> names;
  std::size_t count;
};

// Where a module may run. The operator chooses among what is allowed here.
enum class IsolationAllowed : std::uint32_t {
  kWorkerOnly = MODHOST_ISOLATION_WORKER,         // it may crash or hang: never inside the host
  kInProcessOnly = MODHOST_ISOLATION_IN_PROCESS,  // it must see the host's process
  kAny = MODHOST_ISOLATION_WORKER | MODHOST_ISOLATION_IN_PROCESS,
};

// All text is static: string literals.
struct ModuleInfo {
  std::string_view id = {};       // [a-z0-9-], below 64 bytes; the file is <id>.so
  std::string_view version = {};  // below 32 bytes
  std::string_view description = {};
  EventTypes event_types = {};          // what it is made for; advice, modules.yaml decides
  std::string_view config_schema = {};  // JSON Schema of `config:`; empty: any object
  std::uint32_t concurrency = 1;        // handle() calls it can bear at once
  std::chrono::milliseconds timeout =
      std::chrono::seconds(60);  // per attempt; modules.yaml may say otherwise
  IsolationAllowed isolation = IsolationAllowed::kAny;
};

}  // namespace modhost
