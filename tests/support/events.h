// Events as the platform sends them (shape of its published samples, values invented).
#pragma once

#include <string>

namespace modhost::host {

inline std::string chosenEventBody(const std::string& id,
                                   const std::string& text = "Which fees apply?",
                                   const std::string& chat = "chat_aa11",
                                   const std::string& company = "202") {
  return R"({"id":")" + id +
         R"(","version":"1.0.0","event":"unique.chat.external-module.chosen","createdAt":1767225601,)"
         R"("userId":"101","companyId":")" +
         company +
         R"(","payload":{"name":"rag.responder","description":"Answers from the knowledge base",)"
         R"("configuration":{},"chatId":")" +
         chat + R"(","assistantId":"assistant_bb22","userMessage":{"id":"msg_u_)" + id +
         R"(","text":")" + text + R"(","originalText":")" + text +
         R"(","createdAt":"2026-01-01T00:00:00.000Z","language":"en"},"assistantMessage":{"id":"msg_a_)" +
         id + R"(","createdAt":"2026-01-01T00:00:00.500Z"}}})";
}

inline std::string userMessageEventBody(const std::string& id, const std::string& text = "Hello",
                                        const std::string& chat = "chat_aa11") {
  return R"({"id":")" + id +
         R"(","version":"1.0.0","event":"unique.chat.user-message.created","createdAt":"1767225600",)"
         R"("userId":"101","companyId":"202","payload":{"chatId":")" +
         chat + R"(","assistantId":"assistant_bb22","text":")" + text + R"("}})";
}

}  // namespace modhost::host
