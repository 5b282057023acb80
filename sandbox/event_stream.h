// EventStream: what one open page is sent, as server-sent events.
//
//   event: chats   the list of chats, whenever it has changed
//   event: chat    the chosen chat, whole, whenever it has changed; its id is the chat's version
//   event: beat    every kHeartbeat in which nothing changed: a page that hears nothing knows why
//
// Each frame is made when there is room to send it, from what is stored then. So a reader that is slow
// or stands still misses states in between, never the last one, and nothing is queued for it.
#pragma once

#include <string>

#include "host/base/clock.h"
#include "sandbox/chat_store.h"

namespace modhost::sandbox {

inline constexpr host::Milliseconds kHeartbeat{5'000};
// After this silence a page that has lost its stream asks again; told to it at the start.
inline constexpr host::Milliseconds kReconnectAfter{1000};

// Threads: one at a time.
class EventStream {
 public:
  // `chat_id` empty: the list alone. `seen`: the version of the chat that the page shows already
  // (Last-Event-ID), -1 for none. Both references have to outlive this object.
  EventStream(ChatStore& chats, Tenant tenant, std::string chat_id, std::int64_t seen,
              host::Clock& clock)
      : chats_(chats),
        tenant_(std::move(tenant)),
        chat_id_(std::move(chat_id)),
        seen_chat_(seen),
        clock_(clock) {}

  // False: there is no such chat, so there is nothing to stream.
  bool begins();

  // Waits until there is something to send. "": the end, for the sandbox stops or the chat is gone.
  std::string next();

 private:
  std::string frames();

  ChatStore& chats_;
  const Tenant tenant_;
  const std::string chat_id_;
  std::int64_t seen_chat_;
  std::int64_t seen_list_ = -1;
  std::int64_t seen_change_ = -1;
  bool greeted_ = false;
  host::Clock& clock_;
};

}  // namespace modhost::sandbox
