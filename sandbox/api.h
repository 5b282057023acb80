// Api: the calls of the Unique API that modules use. One function from request to response, without
// sockets.
#pragma once

#include <string>

#include "sandbox/chat_store.h"
#include "sandbox/completion.h"
#include "sandbox/document_index.h"
#include "sandbox/http.h"

namespace modhost::sandbox {

// A real client's default base ends in this; it is accepted and dropped.
inline constexpr std::string_view kApiPrefix = "/public/chat-gen2";

// `path` without kApiPrefix.
std::string apiPath(const std::string& path);

// Threads: handle() may be called from any thread at once.
class Api {
 public:
  // All of them have to outlive this object.
  Api(DocumentIndex& documents, ChatStore& chats, Completion& completion)
      : documents_(documents), chats_(chats), completion_(completion) {}

  // Answers any request: unknown paths 404, wrong methods 405, missing credentials 401, wrong
  // bodies 400, all in the platform's error form. Throws only what the parts throw (StoreError).
  Response handle(const Request& request);

 private:
  struct Call {
    const Request& request;
    Tenant tenant;
    std::string id;  // the path's {id}, decoded
  };
  struct Route {
    const char* method;
    const char* path;  // segments; "{id}" is any one
    Response (Api::*handler)(const Call&);
  };

  Response dispatch(const Request& request);

  Response search(const Call& call);
  Response complete(const Call& call);
  Response createLog(const Call& call);
  Response patchLog(const Call& call);
  Response listMessages(const Call& call);
  Response createMessage(const Call& call);
  Response getMessage(const Call& call);
  Response patchMessage(const Call& call);
  Response removeMessage(const Call& call);
  Response messageEvent(const Call& call);

  DocumentIndex& documents_;
  ChatStore& chats_;
  Completion& completion_;
};

}  // namespace modhost::sandbox
