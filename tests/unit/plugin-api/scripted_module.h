// A module whose handle() is the test's own lambda, driven through the same trampolines as a real
// one.
#pragma once

#include <modhost/modhost.h>

#include <functional>
#include <utility>

#include "tests/unit/plugin-api/fake_host.h"

namespace modhost::test {

using Script = std::function<Outcome(const Event&, Context&)>;

class ScriptedModule final : public IExternalModule {
 public:
  inline static Script script;
  inline static std::function<void(ModuleHost&, const Json&)> on_start;
  inline static int stops = 0;

  void start(ModuleHost& host, const Json& config) override {
    if (on_start) on_start(host, config);
  }
  Outcome handle(const Event& event, Context& context) override { return script(event, context); }
  void stop() noexcept override { ++stops; }
};

inline constexpr ModuleInfo kScriptedInfo = {.id = "scripted",
                                             .version = "1.2.3",
                                             .description = "a test's own",
                                             .event_types = {"a.b", "c.*"},
                                             .config_schema = "{}",
                                             .concurrency = 7,
                                             .timeout = std::chrono::seconds(3),
                                             .isolation = IsolationAllowed::kWorkerOnly};

inline const modhost_module& scriptedModule() {
  return detail::Descriptor<ScriptedModule, kScriptedInfo>::kModule;
}

// Runs `script` as handle() for one event.
inline End run(FakeHost& host, Script script, const SentEvent& event = chosen("Hello")) {
  ScriptedModule::script = std::move(script);
  HostedModule module(host, scriptedModule());
  return module.handle(event);
}

}  // namespace modhost::test
