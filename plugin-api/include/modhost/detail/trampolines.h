// The functions of the ABI around an IExternalModule. Every one is noexcept: what the module throws
// ends here, as words.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "modhost/abi.h"
#include "modhost/detail/abi_views.h"
#include "modhost/detail/guarded.h"
#include "modhost/detail/host_link.h"
#include "modhost/detail/note.h"
#include "modhost/error.h"
#include "modhost/external_module.h"
#include "modhost/module_info.h"

namespace modhost::detail {

// One instance of the module: what the host's `instance` pointer points to.
struct Instance {
  explicit Instance(const modhost_host* table) : link(table), host(link) {}

  const HostLink link;
  ModuleHost host;
  Json config;
  std::unique_ptr<IExternalModule> module;
  bool started = false;
};

template <class Module>
void* create(const modhost_host* table, modhost_error_buffer* error) noexcept {
  std::unique_ptr<Instance> instance;
  const bool made = guarded(
      [&] {
        auto candidate = std::make_unique<Instance>(table);
        if (const char* fault = candidate->link.fault()) throw Error(fault);
        candidate->module = std::make_unique<Module>();
        instance = std::move(candidate);
      },
      [&](const std::string& words) { writeError(error, words); });
  return made ? instance.release() : nullptr;
}

inline std::int32_t start(void* user, modhost_view config, modhost_error_buffer* error) noexcept {
  auto& instance = *static_cast<Instance*>(user);
  instance.started = guarded(
      [&] {
        std::optional<Json> parsed = parseJson(textOf(config));
        if (!parsed || !parsed->is_object())
          throw Error("its config is not a readable JSON object");
        instance.config = std::move(*parsed);
        instance.module->start(instance.host, instance.config);
      },
      [&](const std::string& words) { writeError(error, words); });
  return instance.started ? 0 : 1;
}

// Event and Context are gone when this returns, as the attempt is when complete() returns.
inline Outcome outcomeOf(Instance& instance, const modhost_event* theirs,
                         modhost_attempt* attempt) noexcept {
  Outcome outcome = Outcome::failed({});
  guarded(
      [&] {
        const Event event(theirs);
        const std::chrono::steady_clock::time_point deadline{
            std::chrono::nanoseconds(adopt(theirs).deadline_ns)};
        Context context(instance.link, attempt, event, deadline, instance.config);
        outcome = instance.module->handle(event, context);
      },
      [&](std::string words) { outcome = Outcome::failed(std::move(words)); });
  return outcome;
}

inline void handle(void* user, const modhost_event* event, modhost_attempt* attempt) noexcept {
  auto& instance = *static_cast<Instance*>(user);
  const Outcome outcome = outcomeOf(instance, event, attempt);
  instance.link.complete(attempt, outcome);
}

inline void stop(void* user) noexcept {
  auto& instance = *static_cast<Instance*>(user);
  if (std::exchange(instance.started, false)) instance.module->stop();
}

inline void destroy(void* user) noexcept { delete static_cast<Instance*>(user); }

// The descriptor of `Module`, static for as long as the library is mapped.
template <class Module, const ModuleInfo& kInfo>
struct Descriptor {
  static constexpr std::array<modhost_view, kEventTypesMax> eventTypes() {
    std::array<modhost_view, kEventTypesMax> views{};
    for (std::size_t i = 0; i < kInfo.event_types.count; ++i)
      views[i] = viewOf(kInfo.event_types.names[i]);
    return views;
  }

  static constexpr std::array<modhost_view, kEventTypesMax> kEventTypes = eventTypes();
  static constexpr modhost_module kModule = {
      sizeof(modhost_module),
      MODHOST_ABI_MAJOR,
      kAbiMinorNeeded,
      viewOf(kInfo.id),
      viewOf(kInfo.version),
      viewOf(kInfo.description),
      kEventTypes.data(),
      kInfo.event_types.count,
      viewOf(kInfo.config_schema),
      kInfo.concurrency,
      static_cast<std::uint32_t>(kInfo.timeout.count()),
      static_cast<std::uint32_t>(kInfo.isolation),
      0,
      &create<Module>,
      &start,
      &handle,
      nullptr,  // cancel: the module asks context.cancelled()
      &stop,
      &destroy,
  };
};

}  // namespace modhost::detail
