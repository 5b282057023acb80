// held: a module that takes one event and keeps it until it is no longer wanted. What waits behind
// it is the backlog of the benchmarks.
#include <modhost/modhost.h>

#include <chrono>
#include <thread>

namespace {

class Held final : public modhost::IExternalModule {
  modhost::Outcome handle(const modhost::Event& /*event*/, modhost::Context& context) override {
    while (!context.cancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return modhost::Outcome::ok();
  }
};

}  // namespace

MODHOST_EXPORT_MODULE(Held, {.id = "held",
                             .version = "1.0.0",
                             .description = "Keeps what it gets",
                             .event_types = {"unique.chat.user-message.created"},
                             .config_schema = R"({"type": "object"})",
                             .concurrency = 1,
                             .timeout = std::chrono::hours(24)})
