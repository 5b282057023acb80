// Trace: what went back and forth behind an answer, for whoever looks at it on the page: the
// webhooks with each try, and every call a module made. Nothing of the sandbox's behaviour depends
// on it.
//
// The platform's calls do not say which answer they are for. A call belongs to the question whose
// message or chat it names, else to the one whose text it repeats (a search, a completion), else to
// the company's newest.
#pragma once

#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/mutex.h"
#include "sandbox/chat_store.h"
#include "sandbox/database.h"
#include "sandbox/http.h"
#include "sandbox/webhook.h"

namespace modhost::sandbox {

// The oldest go when there are more.
inline constexpr std::int64_t kTracedEventsMax = 500;
inline constexpr std::int64_t kTracedTriesMax = 3000;
inline constexpr std::int64_t kTracedCallsMax = 5000;
// Of a call's body, of a reply; longer ones are cut.
inline constexpr std::size_t kTracedBytesMax = 8 * 1024;
// A call is looked for among so many of the latest questions, in so many bytes of what it says.
inline constexpr std::size_t kTracedQuestionsMax = 64;
inline constexpr std::size_t kTracedLookBytesMax = 64 * 1024;

// One try to deliver a webhook.
struct WebhookTry {
  std::vector<std::string> headers;  // whole lines, as they were sent
  host::WallTime at{};
  host::Milliseconds took{0};
  int status = 0;     // 0: no answer
  std::string reply;  // the host's body
  std::string error;
};

// One call of a module, as the module saw it: latency and faults of --latency and --fail included.
struct ModuleCall {
  const Request& request;
  const Response& response;
  host::WallTime at{};
  host::Milliseconds took{0};
  std::string fault;  // "429", "html", "cut"; empty: none was asked for
};

// Threads: every method may be called from any thread at once. Errors: StoreError.
class Trace {
 public:
  // Keeps it in `database_path`, or in memory for ":memory:". `chats` has to outlive this object;
  // it is told when there is more to see of a chat.
  Trace(const std::string& database_path, ChatStore& chats);

  void asked(const Tenant& tenant, const Question& question,
             const std::vector<WebhookEvent>& events);
  void tried(const std::string& chat_id, const std::string& event_id, const WebhookTry& attempt);
  void called(const ModuleCall& call);

  // {events: [{eventId, type, body, tries: […]}], calls: [{method, path, status, …}]} of the
  // question that `assistant_message_id` answers; both empty when nothing is known of it.
  Json of(const std::string& assistant_message_id);

 private:
  struct Open {
    std::string company_id, chat_id, message_id;
    std::string quoted;  // the question's text as it stands inside a JSON string
  };

  // How sure it is that a call which says `words` is for the question; 0 is surest.
  static int distance(const Open& question, const std::string& words);
  const Open* questionOf(const ModuleCall& call) const REQUIRES(mutex_);
  Json events(const std::string& message_id) REQUIRES(mutex_);
  Json tries(const std::string& event_id) REQUIRES(mutex_);
  Json calls(const std::string& message_id) REQUIRES(mutex_);

  ChatStore& chats_;
  host::Mutex mutex_;
  Database database_ GUARDED_BY(mutex_);
  std::deque<Open> open_ GUARDED_BY(mutex_);  // the newest first
};

}  // namespace modhost::sandbox
