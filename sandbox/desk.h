// Desk: what the sandbox adds to the platform's API for whoever sits in front of it: asking,
// watching a chat, stopping an answer, reading what was quoted and what went back and forth; and the
// page that does all of it.
#pragma once

#include <string>

#include "host/base/clock.h"
#include "sandbox/chat_store.h"
#include "sandbox/deliverer.h"
#include "sandbox/document_index.h"
#include "sandbox/event_stream.h"
#include "sandbox/http.h"
#include "sandbox/trace.h"

namespace modhost::sandbox {

inline constexpr std::size_t kQuotesMax = 50;
inline constexpr std::size_t kQuestionBytesMax = 100'000;
// The longest a watcher is kept waiting; it simply asks again.
inline constexpr host::Milliseconds kWatchMax{30'000};

struct DeskSettings {
  Tenant tenant;  // who asks
  // The modules' names, at least one. Each is a space; who asks chooses one, else it is the first.
  std::vector<std::string> modules;
};

// Threads: handle() may be called from any thread at once.
class Desk {
 public:
  // All references have to outlive this object. `deliverer` may be null: questions are then
  // refused.
  Desk(DeskSettings settings, DocumentIndex& documents, ChatStore& chats, Trace& trace,
       Deliverer* deliverer, host::Clock& clock)
      : settings_(std::move(settings)),
        documents_(documents),
        chats_(chats),
        trace_(trace),
        deliverer_(deliverer),
        clock_(clock) {}

  // True for the page's paths and for everything under /sandbox.
  static bool serves(const std::string& path);

  // The page's files and the calls of docs/sandbox.md, but for the stream.
  Response handle(const Request& request);

  // What GET /sandbox/stream?chat= sends. Refusal 404 when there is no such chat.
  EventStream stream(const Request& request);

 private:
  Response dispatch(const Request& request);
  Response post(const Request& request, const std::vector<std::string>& path);
  Response get(const Request& request, const std::vector<std::string>& path);
  Response ask(const Request& request);
  Response stop(const Request& request, const std::string& chat_id);
  Response quotes(const Request& request);
  Response document(const std::string& content_id);
  std::string moduleAskedFor(const Json& body) const;
  Response watch(const Request& request, const std::string& chat_id);
  Response status();

  const DeskSettings settings_;
  DocumentIndex& documents_;
  ChatStore& chats_;
  Trace& trace_;
  Deliverer* const deliverer_;
  host::Clock& clock_;
};

}  // namespace modhost::sandbox
