// Sandbox: the whole program as an object, from options to a port that answers; main() adds the
// command line.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "sandbox/api.h"
#include "sandbox/chat_store.h"
#include "sandbox/completion.h"
#include "sandbox/deliverer.h"
#include "sandbox/desk.h"
#include "sandbox/document_index.h"
#include "sandbox/fail_rules.h"
#include "sandbox/server.h"
#include "sandbox/trace.h"

namespace modhost::sandbox {

struct SandboxSettings {
  std::filesystem::path folder;
  std::string database = ":memory:";
  ServerSettings server;
  std::optional<DelivererSettings> webhooks;  // nullopt: none are sent
  std::optional<LanguageModel> model;         // nullopt: extractive answers
  DeskSettings desk{{"sandbox-user", "sandbox-company"}, {"rag-responder"}};
  std::vector<FailRule> faults;
};

// Members stand in start order; they end in the reverse one.
class Sandbox {
 public:
  // Reads and indexes the folder, then serves. Throws host::StartupError or StoreError. `clock` has
  // to outlive this object; initOutgoing() has to have run.
  Sandbox(const SandboxSettings& settings, host::Clock& clock);
  ~Sandbox();

  std::string url() const { return "http://" + server_->address(); }
  std::size_t documentCount() const { return document_count_; }
  std::size_t passageCount() const { return passage_count_; }
  // Files that were left out: "key: why".
  const std::vector<std::string>& skipped() const { return skipped_; }

 private:
  void indexFolder(const std::filesystem::path& folder);

  StopSignal stop_;
  DocumentIndex documents_;
  std::size_t document_count_ = 0;
  std::size_t passage_count_ = 0;
  std::vector<std::string> skipped_;
  ChatStore chats_;
  Trace trace_;
  FailRules faults_;
  std::unique_ptr<Completion> completion_;
  std::unique_ptr<Deliverer> deliverer_;
  Api api_;
  Desk desk_;
  std::unique_ptr<Server> server_;
};

}  // namespace modhost::sandbox
