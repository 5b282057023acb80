#include "sandbox/event_stream.h"

namespace modhost::sandbox {
namespace {

// JSON holds no line break, so one data line is enough.
std::string frame(const std::string& name, const Json& data, const std::string& id = "") {
  const std::string id_line = id.empty() ? "" : "id: " + id + "\n";
  return id_line + "event: " + name + "\ndata: " + data.dump() + "\n\n";
}

}  // namespace

bool EventStream::begins() { return chat_id_.empty() || chats_.exists(tenant_, chat_id_); }

std::string EventStream::next() {
  if (!greeted_) {
    greeted_ = true;
    return "retry: " + std::to_string(kReconnectAfter.count()) + "\n\n";
  }
  const host::SteadyTime heartbeat = clock_.steadyNow() + kHeartbeat;
  for (;;) {
    const std::optional<std::int64_t> change = chats_.waitForChange(seen_change_, heartbeat);
    if (!change) return "";
    const bool timed_out = *change == seen_change_;
    seen_change_ = *change;
    if (timed_out) return frame("beat", Json::object());
    if (std::string news = frames(); !news.empty()) return news;
  }
}

std::string EventStream::frames() {
  std::string news;
  if (const std::int64_t list = chats_.listVersion(); list != seen_list_) {
    seen_list_ = list;
    news += frame("chats", chats_.list(tenant_));
  }
  if (chat_id_.empty()) return news;
  const std::int64_t version = chats_.versionOf(chat_id_);
  if (version == seen_chat_ || version < 0) return news;
  const std::optional<Json> chat = chats_.view(chat_id_, -1, {});
  if (!chat) return news;
  seen_chat_ = chat->at("version");
  return news + frame("chat", *chat, std::to_string(seen_chat_));
}

}  // namespace modhost::sandbox
