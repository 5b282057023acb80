// rag-responder: answers the user from the knowledge base. Search, show the model what was found,
// write its answer; a step in the chat for each half. Whatever fails leaves handle() as an
// exception: the step that is open dies FAILED on the way, and the host writes the apology, since
// it alone knows that no answer stands.
#include <modhost/modhost.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config_schema.h"
#include "rag_config.h"

namespace rag {
namespace {

using modhost::Context;
using modhost::Event;
using modhost::Json;
using modhost::Outcome;
using modhost::SearchResult;

// `pattern` with each `{name}` replaced; what is put in is not looked at again.
std::string filledIn(std::string_view pattern, std::string_view name, std::string_view value) {
  const std::string placeholder = "{" + std::string(name) + "}";
  std::string filled;
  for (std::size_t at = 0;;) {
    const std::size_t found = pattern.find(placeholder, at);
    filled += pattern.substr(at, found - at);
    if (found == std::string_view::npos) return filled;
    filled += value;
    at = found + placeholder.size();
  }
}

// A result without a text is shown as the JSON it is; one whose text is not a string is a broken
// reply.
std::string excerpt(const SearchResult& result, std::size_t code_points) {
  const auto text = result.raw.find("text");
  if (text != result.raw.end() && !text->is_string()) {
    throw modhost::Error("a search result's text is not a string");
  }
  const std::string whole = text == result.raw.end() ? modhost::dumpJson(result.raw) : result.text;
  return std::string(modhost::firstCodePoints(whole, code_points));
}

std::string contextOf(const std::vector<SearchResult>& results, const RagConfig& config) {
  if (results.empty()) return config.no_documents_text;
  std::string context;
  for (const SearchResult& result : results) {
    if (&result != &results.front()) context += config.separator;
    context += excerpt(result, config.excerpt_code_points);
  }
  return context;
}

class RagResponder final : public modhost::IExternalModule {
  void start(modhost::ModuleHost& /*host*/, const Json& config) override {
    settings_ = std::make_unique<const RagSettings>(config);
  }

  Outcome handle(const Event& event, Context& context) override {
    if (event.assistantMessageId().empty())
      return Outcome::reject("the event names no assistant message");
    if (event.userText().empty()) return Outcome::reject("the event holds no user text");
    const RagConfig config = configFor(event, context);

    const std::string found = search(event, context, config);
    const std::string answer = complete(event, context, config, found);
    context.unique().modifyMessage({.text = answer});
    return Outcome::ok();
  }

  RagConfig configFor(const Event& event, Context& context) const {
    std::vector<std::string> ignored;
    RagConfig config = settings_->forSpace(event.configuration(), ignored);
    for (const std::string& key : ignored) {
      context.log(modhost::LogLevel::kWarn, "override of the space ignored: not an accepted value",
                  {{"key", key}});
    }
    return config;
  }

  // The text the model is given as context.
  static std::string search(const Event& event, Context& context, const RagConfig& config) {
    modhost::Step step = context.step(config.searching_text);
    const std::vector<SearchResult> results = context.unique().search({
        .search_string = event.userText(),
        .search_type = config.search_type,
        .limit = config.limit,
    });
    step.complete(filledIn(config.found_text, "count", std::to_string(results.size())));
    return contextOf(results, config);
  }

  static std::string complete(const Event& event, Context& context, const RagConfig& config,
                              const std::string& found) {
    modhost::Step step = context.step(config.generating_text);
    const modhost::ChatCompletion completion = context.unique().completeChat({
        .model = config.model,
        .messages = {{.role = "system",
                      .content = filledIn(config.system_prompt, "context", found)},
                     {.role = "user", .content = event.userText()}},
        .temperature = config.temperature,
    });
    if (completion.content.value_or("").empty())
      throw modhost::Error("the completion has no content");
    step.complete(config.generated_text);
    return *completion.content;
  }

  std::unique_ptr<const RagSettings> settings_;
};

}  // namespace
}  // namespace rag

MODHOST_EXPORT_MODULE(rag::RagResponder, {.id = "rag-responder",
                                          .version = "1.0.0",
                                          .description = "Answers the user from the knowledge base",
                                          .event_types = {"unique.chat.external-module.chosen"},
                                          .config_schema = rag::kConfigSchema,
                                          .concurrency = 256,
                                          .timeout = std::chrono::seconds(120)});
