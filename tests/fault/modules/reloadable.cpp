// One module in several builds, to be renamed over one another: RELOADABLE_VERSION is what it answers
// with, RELOADABLE_START how its start goes ("", "refuse", "die").
#include <modhost/modhost.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace {

class Reloadable final : public modhost::IExternalModule {
  void start(modhost::ModuleHost&, const modhost::Json& config) override {
    greeting_ = config.value("greeting", "Hello");
    const std::string how = RELOADABLE_START;
    if (how == "refuse") throw std::runtime_error("no index here");
    if (how == "die") std::abort();
  }

  // A search first, so that a test can hold an attempt at the platform.
  modhost::Outcome handle(const modhost::Event&, modhost::Context& context) override {
    context.unique().search({.search_string = "x"});
    context.unique().modifyMessage({.text = greeting_ + " from " RELOADABLE_VERSION});
    return modhost::Outcome::ok();
  }

  std::string greeting_;
};

}  // namespace

MODHOST_EXPORT_MODULE(Reloadable,
                      {.id = "reloadable",
                       .version = RELOADABLE_VERSION,
                       .config_schema = R"({"type": "object", "additionalProperties": false,
                         "properties": {"greeting": {"type": "string"}}})",
                       .concurrency = 64})
