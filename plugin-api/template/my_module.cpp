// my-module: greets the user, with a step in the chat while it thinks.
#include <modhost/modhost.h>

#include <string>

namespace {

constexpr char kConfigSchema[] = R"json({
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "greeting": {
      "type": "string", "default": "Hello!",
      "description": "How an answer begins."
    }
  }
})json";

class MyModule final : public modhost::IExternalModule {
  void start(modhost::ModuleHost& /*host*/, const modhost::Json& config) override {
    greeting_ = config.value("greeting", "Hello!");
  }

  modhost::Outcome handle(const modhost::Event& event, modhost::Context& context) override {
    auto step = context.step("Thinking...");
    const auto found = context.unique().search({.search_string = event.userText(), .limit = 3});
    step.complete("Found " + std::to_string(found.size()));

    context.unique().modifyMessage(
        {.text = greeting_ + " I know " + std::to_string(found.size()) + " documents about that."});
    return modhost::Outcome::ok();
  }

  std::string greeting_;  // set by start(), then only read: handle() runs on many threads
};

}  // namespace

MODHOST_EXPORT_MODULE(MyModule, {.id = "my-module",
                                 .version = "1.0.0",
                                 .description = "Greets the user",
                                 .event_types = {"unique.chat.external-module.chosen"},
                                 .config_schema = kConfigSchema,
                                 .concurrency = 16,
                                 .timeout = std::chrono::seconds(60)});
