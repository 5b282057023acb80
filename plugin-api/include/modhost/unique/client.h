// UniqueClient: the Unique API for one attempt at one event. The host holds base address,
// credentials, user and company, retries what may be retried, and ends every call with the
// attempt's deadline; so a module needs no network code and no key.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "modhost/abi.h"
#include "modhost/detail/host_link.h"
#include "modhost/detail/url.h"
#include "modhost/event.h"
#include "modhost/json.h"
#include "modhost/unique/chat_completion.h"
#include "modhost/unique/error.h"
#include "modhost/unique/message.h"
#include "modhost/unique/message_log.h"
#include "modhost/unique/search.h"

namespace modhost {

// Each call blocks until its reply is there. Throws UniqueError when there is none, its status is
// not 2xx, or it does not hold what the call answers; modhost::Error when an id is neither given
// nor in the event.
//
// Threads: any. Lifetime: dies with the context it came from.
class UniqueClient {
 public:
  UniqueClient(const detail::HostLink& host, modhost_attempt* attempt, const Event& event)
      : host_(host), attempt_(attempt), event_(event) {}

  MessageLog createMessageLog(CreateMessageLog request) const {
    request.message_id = orOfEvent(request.message_id, event_.assistantMessageId(), kNoMessage);
    Json reply = requestObject("POST", "/message-log", detail::toJson(request));
    std::string id = detail::stringOf(detail::memberOf(reply, "id"));
    if (id.empty()) throw detail::garbageError("POST /message-log", "the reply names no id");
    return {std::move(id), std::move(reply)};
  }

  void updateMessageLog(const UpdateMessageLog& request) const {
    if (request.id.empty()) throw Error("updateMessageLog: no id is given");
    this->request("PATCH", "/message-log/" + detail::quotePlus(request.id),
                  detail::toJson(request));
  }

  std::vector<SearchResult> search(const SearchRequest& request) const {
    Json reply = this->request("POST", "/search/search", detail::toJson(request));
    if (!reply.is_array())
      throw detail::garbageError("POST /search/search", "the reply is not an array");
    std::vector<SearchResult> results;
    results.reserve(reply.size());
    for (Json& result : reply) {
      if (!result.is_object())
        throw detail::garbageError("POST /search/search", "a result is not an object");
      results.push_back(detail::searchResult(std::move(result)));
    }
    return results;
  }

  ChatCompletion completeChat(const ChatCompletionRequest& request) const {
    return detail::chatCompletion(
        requestObject("POST", "/openai/chat/completions", detail::toJson(request)));
  }

  // Writes the answer: modifyMessage({.text = "…"}) fills the event's assistant message.
  Message modifyMessage(ModifyMessage request) const {
    fillIds(request);
    return detail::message(
        this->request("PATCH", messagePath(request.message_id), detail::toJson(request)));
  }

  // Shows a change at once without storing it: for text that grows. End with modifyMessage().
  void createMessageEvent(ModifyMessage request) const {
    fillIds(request);
    Json body = detail::toJson(request);
    body["messageId"] = request.message_id;
    this->request("POST", messagePath(request.message_id) + "/event", body);
  }

  Message createMessage(CreateMessage request) const {
    request.chat_id = orOfEvent(request.chat_id, event_.chatId(), kNoChat);
    request.assistant_id =
        orOfEvent(request.assistant_id, event_.assistantId(), "no assistant id is given");
    return detail::message(requestObject("POST", "/messages", detail::toJson(request)));
  }

  Message getMessage(const GetMessage& request = {}) const {
    const std::string id = orOfEvent(request.message_id, event_.assistantMessageId(), kNoMessage);
    const std::string chat = orOfEvent(request.chat_id, event_.chatId(), kNoChat);
    return detail::message(
        requestObject("GET", messagePath(id) + "?chatId=" + detail::quotePlus(chat), nullptr));
  }

  // The first page, as the platform cuts it.
  std::vector<Message> listMessages(const ListMessages& request = {}) const {
    const std::string chat = orOfEvent(request.chat_id, event_.chatId(), kNoChat);
    Json reply = requestObject("GET", "/messages?chatId=" + detail::quotePlus(chat), nullptr);
    const auto data = reply.find("data");
    if (data == reply.end() || !data->is_array()) {
      throw detail::garbageError("GET /messages", "the reply holds no data");
    }
    std::vector<Message> messages;
    messages.reserve(data->size());
    for (Json& json : *data) messages.push_back(detail::message(std::move(json)));
    return messages;
  }

  // Any call that is not typed yet. `path` starts with '/' below the API's base, and is already
  // encoded; a null `body` sends none. Returns the reply, null when it is empty. The host refuses
  // calls that `platform_calls` in modules.yaml does not list.
  Json request(std::string_view method, std::string_view path, const Json& body = nullptr) const {
    const std::string call = detail::callName(method, path);
    const std::string text = body.is_null() ? std::string() : dumpJson(body);
    const detail::CallEnd end = host_.call(attempt_, method, path, text);
    if (end.error != MODHOST_CALL_OK) throw detail::callError(call, end.error);
    if (end.http_status < 200 || end.http_status > 299) {
      throw detail::statusError(call, end.http_status, end.body);
    }
    if (end.body.empty()) return nullptr;
    std::optional<Json> reply = parseJson(end.body);
    if (!reply) throw detail::garbageError(call, "the reply is not readable JSON");
    return std::move(*reply);
  }

 private:
  static constexpr const char* kNoMessage =
      "the event names no assistant message, and no message id is given";
  static constexpr const char* kNoChat = "the event names no chat, and no chat id is given";

  static std::string orOfEvent(const std::string& given, const std::string& of_event,
                               const char* fault) {
    if (given.empty() && of_event.empty()) throw Error(fault);
    return given.empty() ? of_event : given;
  }
  static std::string messagePath(const std::string& id) {
    return "/messages/" + detail::quotePlus(id);
  }

  void fillIds(ModifyMessage& request) const {
    request.message_id = orOfEvent(request.message_id, event_.assistantMessageId(), kNoMessage);
    request.chat_id = orOfEvent(request.chat_id, event_.chatId(), kNoChat);
  }

  Json requestObject(std::string_view method, std::string_view path, const Json& body) const {
    Json reply = request(method, path, body);
    if (!reply.is_object()) {
      throw detail::garbageError(detail::callName(method, path), "the reply is not an object");
    }
    return reply;
  }

  const detail::HostLink& host_;
  modhost_attempt* attempt_;
  const Event& event_;
};

}  // namespace modhost
