// echo: answers with what the user wrote. The smallest module that does something.
#include <modhost/modhost.h>

namespace {

class Echo final : public modhost::IExternalModule {
  modhost::Outcome handle(const modhost::Event& event, modhost::Context& context) override {
    context.unique().modifyMessage({.text = "You said: " + event.userText()});
    return modhost::Outcome::ok();
  }
};

}  // namespace

MODHOST_EXPORT_MODULE(Echo,
                      {.id = "echo",
                       .version = "1.0.0",
                       .description = "Answers with what the user wrote",
                       .event_types = {"unique.chat.external-module.chosen"},
                       .config_schema = R"({"type": "object", "additionalProperties": false})",
                       .concurrency = 256});
