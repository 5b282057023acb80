#include "sandbox/sandbox.h"

namespace modhost::sandbox {
namespace {

std::unique_ptr<Completion> makeCompletion(const std::optional<LanguageModel>& model,
                                           const StopSignal& stop, host::Clock& clock) {
  if (model) return std::make_unique<ForwardedCompletion>(*model, stop);
  return std::make_unique<ExtractiveCompletion>(clock);
}

std::unique_ptr<Deliverer> makeDeliverer(const SandboxSettings& settings, ChatStore& chats,
                                         Trace& trace, host::Clock& clock) {
  if (!settings.webhooks) return nullptr;
  DelivererSettings webhooks = *settings.webhooks;
  webhooks.tenant = settings.desk.tenant;
  return std::make_unique<Deliverer>(std::move(webhooks), chats, trace, clock);
}

}  // namespace

Sandbox::Sandbox(const SandboxSettings& settings, host::Clock& clock)
    : stop_(clock),
      documents_(settings.database),
      chats_(settings.database, clock),
      trace_(settings.database, chats_),
      faults_(settings.faults),
      completion_(makeCompletion(settings.model, stop_, clock)),
      deliverer_(makeDeliverer(settings, chats_, trace_, clock)),
      api_(documents_, chats_, *completion_),
      desk_(settings.desk, documents_, chats_, trace_, deliverer_.get(), clock) {
  indexFolder(settings.folder);
  server_ = std::make_unique<Server>(settings.server, api_, desk_, faults_, trace_, stop_, clock);
}

Sandbox::~Sandbox() {
  chats_.stopWaiting();  // or the server would wait for its long-polls
}

void Sandbox::indexFolder(const std::filesystem::path& folder) {
  Folder read = readFolder(folder);
  documents_.replace(read.documents);
  document_count_ = documents_.documentCount();
  passage_count_ = documents_.passageCount();
  skipped_ = std::move(read.skipped);
}

}  // namespace modhost::sandbox
