// conversing: the seven calls of one answer, as rag-responder makes them, from a module that lets
// thousands of conversations run at once; rag-responder itself declares 256.
#include <modhost/modhost.h>

#include <chrono>
#include <string>

namespace {

class Conversing final : public modhost::IExternalModule {
  modhost::Outcome handle(const modhost::Event& event, modhost::Context& context) override {
    modhost::Step searching = context.step("Searching the knowledge base...");
    const auto found = context.unique().search(
        {.search_string = event.userText(), .search_type = "COMBINED", .limit = 3});
    searching.complete("Found " + std::to_string(found.size()) + " documents");

    modhost::Step generating = context.step("Generating an answer...");
    const auto completion = context.unique().completeChat({
        .model = "AZURE_GPT_4o_2024_1120",
        .messages = {{.role = "user", .content = event.userText()}},
    });
    generating.complete("Answer generated");
    context.unique().modifyMessage({.text = completion.content.value_or("")});
    return modhost::Outcome::ok();
  }
};

}  // namespace

MODHOST_EXPORT_MODULE(Conversing, {.id = "conversing",
                                   .version = "1.0.0",
                                   .description = "Answers thousands at once",
                                   .event_types = {"unique.chat.external-module.chosen"},
                                   .config_schema = R"({"type": "object"})",
                                   .concurrency = 4096,
                                   .timeout = std::chrono::minutes(5)})
