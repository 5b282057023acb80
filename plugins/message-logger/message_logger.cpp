// message-logger: keeps a record of what users write, one JSON object per line, in a file of its
// own. The host's log gets ids only.
#include <modhost/modhost.h>

#include <memory>
#include <system_error>

#include "config_schema.h"
#include "line_file.h"
#include "record.h"

namespace message_logger {
namespace {

using modhost::Context;
using modhost::Event;
using modhost::Json;
using modhost::Outcome;

class MessageLogger final : public modhost::IExternalModule {
  void start(modhost::ModuleHost& /*host*/, const Json& config) override {
    settings_ = settingsOf(config);
    file_ = std::make_unique<LineFile>(settings_.file);
  }

  // A record that could not be written is tried again when the operator's back-off says: a full
  // disk or a missing folder is mended by people.
  Outcome handle(const Event& event, Context& context) override {
    try {
      file_->append(recordOf(event, settings_));
    } catch (const std::system_error& error) {
      return Outcome::retry(error.what());
    }
    context.metrics().count("records_total");
    context.log(modhost::LogLevel::kInfo, "user message recorded",
                {{"eventId", event.id()}, {"chatId", event.chatId()}, {"userId", event.userId()}});
    return Outcome::ok();
  }

  void stop() noexcept override { file_.reset(); }

  Settings settings_;
  std::unique_ptr<LineFile> file_;
};

}  // namespace
}  // namespace message_logger

MODHOST_EXPORT_MODULE(message_logger::MessageLogger,
                      {.id = "message-logger",
                       .version = "1.0.0",
                       .description = "Records what users write, one JSON object per line",
                       .event_types = {"unique.chat.user-message.created"},
                       .config_schema = message_logger::kConfigSchema,
                       .concurrency = 64,
                       .timeout = std::chrono::seconds(10)});
