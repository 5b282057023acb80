// ChatStore: the chats of the sandbox: messages, their logs (the progress steps under an answer)
// and what became of the webhooks. A message and a log are kept as the JSON object the API shows.
#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "host/base/clock.h"
#include "host/base/mutex.h"
#include "sandbox/database.h"

namespace modhost::sandbox {

using Json = nlohmann::json;

inline constexpr std::int64_t kChatsListedMax = 200;

// Who asks. A chat belongs to one company; to others it does not exist.
struct Tenant {
  std::string user_id;
  std::string company_id;
};

// What a user's question has become.
struct Question {
  std::string chat_id;
  std::string assistant_id;
  std::string user_message_id;
  std::string assistant_message_id;  // empty bubble that a module has to fill
  std::string text;
  std::string user_created_at;       // ISO 8601
  std::string assistant_created_at;  // ISO 8601
};

// One webhook on its way; `state` is waiting, delivered, expired or gave_up (docs/sandbox.md).
struct DeliveryState {
  std::string event_id;
  std::string type;
  std::string state;
  int tries = 0;
  int status = 0;     // of the last try; 0: no answer
  std::string error;  // of the last try; empty: none
};

// Threads: every method may be called from any thread at once. Errors: StoreError.
// nullopt always means: no such chat, message or log in this company.
class ChatStore {
 public:
  // Keeps the chats in `database_path`, or in memory for ":memory:". Webhooks that were waiting
  // when an earlier run ended are marked gave_up.
  ChatStore(const std::string& database_path, host::Clock& clock);

  // A user's message and the empty assistant message after it, in `chat_id` or, when empty, a new
  // chat.
  std::optional<Question> ask(const Tenant& tenant, const std::string& chat_id,
                              const std::string& assistant_id, const std::string& text);

  std::optional<Json> messages(const Tenant& tenant, const std::string& chat_id);
  std::optional<Json> message(const Tenant& tenant, const std::string& chat_id,
                              const std::string& id);
  // `members` are set over the defaults; the caller has validated them. The chat is
  // members["chatId"].
  std::optional<Json> createMessage(const Tenant& tenant, const Json& members);
  std::optional<Json> patchMessage(const Tenant& tenant, const std::string& chat_id,
                                   const std::string& id, const Json& members);
  // The message as it was.
  std::optional<Json> removeMessage(const Tenant& tenant, const std::string& chat_id,
                                    const std::string& id);
  // Shows `text` on the screen without storing it as the message's text; the next patch takes it
  // away.
  bool pushText(const Tenant& tenant, const std::string& chat_id, const std::string& id,
                const std::string& text);

  // The message is members["messageId"].
  std::optional<Json> createLog(const Tenant& tenant, const Json& members);
  std::optional<Json> patchLog(const Tenant& tenant, const std::string& id, const Json& members);

  void noteDelivery(const std::string& chat_id, const DeliveryState& delivery);

  // The chat as the desk shows it: {chatId, version, messages: [{…, logs, liveText?}], deliveries}.
  // Returns as soon as the chat's version is above `after`, at the latest at `deadline` or on
  // stopWaiting().
  std::optional<Json> view(const std::string& chat_id, std::int64_t after,
                           host::SteadyTime deadline);

  bool exists(const Tenant& tenant, const std::string& chat_id);

  // Sets userAbortedAt of an answer, as the platform's stop button does; a second time changes
  // nothing.
  std::optional<Json> stop(const Tenant& tenant, const std::string& chat_id, const std::string& id);

  // Somebody else knows more of the chat than before: its version rises.
  void touch(const std::string& chat_id);

  // The company's kChatsListedMax latest chats, the newest first: [{chatId, title, askedAt}]. A
  // title is the beginning of the first question.
  Json list(const Tenant& tenant);
  // Rises with whatever list() shows.
  std::int64_t listVersion();
  // -1: no such chat.
  std::int64_t versionOf(const std::string& chat_id);

  // Waits for a change of any chat after the one with the number `after`, at the latest until
  // `deadline`; returns the number of the last. nullopt: stopWaiting() was called.
  std::optional<std::int64_t> waitForChange(std::int64_t after, host::SteadyTime deadline);

  // Ends all waiting in view() and waitForChange(), now and later.
  void stopWaiting();

 private:
  struct Row {
    std::string chat_id;
    Json object;
  };

  std::optional<Row> findMessage(const Tenant& tenant, const std::string& id) REQUIRES(mutex_);
  std::optional<Row> findLog(const Tenant& tenant, const std::string& id) REQUIRES(mutex_);
  Json insertMessage(const std::string& chat_id, const Json& members) REQUIRES(mutex_);
  void saveMessage(const std::string& chat_id, const Json& message) REQUIRES(mutex_);
  bool chatExists(const Tenant& tenant, const std::string& chat_id) REQUIRES(mutex_);
  std::int64_t version(const std::string& chat_id) REQUIRES(mutex_);
  void changed(const std::string& chat_id) REQUIRES(mutex_);
  host::CondVar& watchersOf(const std::string& chat_id);
  Json messagesWithLogs(const std::string& chat_id) REQUIRES(mutex_);
  Json logsOf(const std::string& message_id) REQUIRES(mutex_);
  Json deliveriesOf(const std::string& chat_id) REQUIRES(mutex_);
  std::string now() const;

  host::Clock& clock_;
  host::Mutex mutex_;
  Database database_ GUARDED_BY(mutex_);
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::int64_t changes_ GUARDED_BY(mutex_) = 0;
  std::int64_t list_version_ GUARDED_BY(mutex_) = 0;
  // A change wakes those who watch its chat and the few whose chat hashes alike, not everybody.
  std::array<host::CondVar, 64> watchers_;
  host::CondVar any_change_;  // those few who watch all chats
};

}  // namespace modhost::sandbox
