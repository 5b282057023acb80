// Desk: what the sandbox adds to the platform's API for whoever sits in front of it: asking,
// watching a chat, and the page that does both.
#pragma once

#include <string>

#include "host/base/clock.h"
#include "sandbox/chat_store.h"
#include "sandbox/deliverer.h"
#include "sandbox/document_index.h"
#include "sandbox/http.h"

namespace modhost::sandbox {

inline constexpr std::size_t kQuestionBytesMax = 100'000;
// The longest a watcher is kept waiting; it simply asks again.
inline constexpr host::Milliseconds kWatchMax{30'000};

struct DeskSettings {
  Tenant tenant;             // who asks
  std::string module;        // the chosen module's name
  std::string assistant_id;  // the space
};

// Threads: handle() may be called from any thread at once.
class Desk {
 public:
  // All references have to outlive this object. `deliverer` may be null: questions are then
  // refused.
  Desk(DeskSettings settings, DocumentIndex& documents, ChatStore& chats, Deliverer* deliverer,
       host::Clock& clock)
      : settings_(std::move(settings)),
        documents_(documents),
        chats_(chats),
        deliverer_(deliverer),
        clock_(clock) {}

  // True for the page's paths and for everything under /sandbox.
  static bool serves(const std::string& path);

  // GET / and its two files, POST /sandbox/ask, GET /sandbox/chats/{id}, GET /sandbox/status.
  Response handle(const Request& request);

 private:
  Response dispatch(const Request& request);
  Response ask(const Request& request);
  Response watch(const Request& request, const std::string& chat_id);
  Response status();

  const DeskSettings settings_;
  DocumentIndex& documents_;
  ChatStore& chats_;
  Deliverer* const deliverer_;
  host::Clock& clock_;
};

}  // namespace modhost::sandbox
