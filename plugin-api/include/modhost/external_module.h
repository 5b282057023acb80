// The one class a module's author writes. It is compiled into the module; the host sees only the C
// ABI that MODHOST_EXPORT_MODULE builds around it (abi.h), so this header may grow without breaking
// old modules.
//
// Threads: [loader] one thread, no other call running; [worker] up to `concurrency` at once.
// Lifetimes: `event` and `context` die when handle() returns; copy what you keep.
// Exceptions: throw freely; the trampoline turns one into Outcome::failed(what()).
#pragma once

#include "modhost/context.h"
#include "modhost/event.h"
#include "modhost/host_services.h"
#include "modhost/json.h"
#include "modhost/outcome.h"

namespace modhost {

class IExternalModule {
 public:
  IExternalModule() = default;
  IExternalModule(const IExternalModule&) = delete;
  IExternalModule& operator=(const IExternalModule&) = delete;
  virtual ~IExternalModule() = default;

  // [loader] Called once, before any event. `config` is an object that fits the module's schema;
  // both live until stop() has returned. Throw to refuse: the host says why and keeps the old
  // generation.
  virtual void start(ModuleHost& /*host*/, const Json& /*config*/) {}

  // [worker] Handles one event, at least once: `event.id()` is the idempotency key.
  // After context.deadline() the result is ignored; check context.cancelled() in long work.
  virtual Outcome handle(const Event& event, Context& context) = 0;

  // [loader] Called once, after the last handle() has returned, if start() succeeded. Join your
  // threads here.
  virtual void stop() noexcept {}
};

}  // namespace modhost
