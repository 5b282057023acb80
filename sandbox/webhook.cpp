#include "sandbox/webhook.h"

#include "host/base/time_text.h"
#include "sandbox/ids.h"

namespace modhost::sandbox {
namespace {

constexpr const char* kVersion = "1.0.0";

std::int64_t unixSeconds(host::WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

WebhookEvent envelope(const char* type, const Tenant& tenant, host::WallTime now, Json payload) {
  WebhookEvent event{newId("evt_"), type, ""};
  event.body = Json{{"id", event.id},
                    {"version", kVersion},
                    {"event", type},
                    {"createdAt", std::to_string(unixSeconds(now))},
                    {"userId", tenant.user_id},
                    {"companyId", tenant.company_id},
                    {"payload", std::move(payload)}}
                   .dump();
  return event;
}

}  // namespace

WebhookEvent userMessageCreated(const Question& question, const Tenant& tenant,
                                host::WallTime now) {
  return envelope("unique.chat.user-message.created", tenant, now,
                  {{"chatId", question.chat_id},
                   {"assistantId", question.assistant_id},
                   {"text", question.text}});
}

WebhookEvent externalModuleChosen(const Question& question, const Tenant& tenant,
                                  const std::string& module, host::WallTime now) {
  return envelope(
      "unique.chat.external-module.chosen", tenant, now,
      {{"name", module},
       {"description", "Chosen by the sandbox"},
       {"configuration", Json::object()},
       {"chatId", question.chat_id},
       {"assistantId", question.assistant_id},
       {"userMessage",
        {{"id", question.user_message_id},
         {"text", question.text},
         {"originalText", question.text},
         {"createdAt", question.user_created_at},
         {"language", "en"}}},
       {"assistantMessage",
        {{"id", question.assistant_message_id}, {"createdAt", question.assistant_created_at}}},
       {"additionalParameters", Json::object()},
       {"toolParameters", Json::object()},
       {"toolChoices", Json::array()},
       {"metadataFilter", nullptr}});
}

std::vector<std::string> webhookHeaders(const WebhookEvent& event, const Tenant& tenant,
                                        const host::HmacKey& secret, host::WallTime now) {
  return {"Content-Type: application/json",
          "X-Unique-Id: " + event.id,
          "X-Unique-Signature: " + host::hex(secret.sign(event.body)),
          std::string("X-Unique-Version: ") + kVersion,
          "X-Unique-Created-At: " + std::to_string(unixSeconds(now)),
          "X-Unique-User-Id: " + tenant.user_id,
          "X-Unique-Company-Id: " + tenant.company_id};
}

Verdict verdictOn(int status) {
  if (status >= 200 && status < 300) return Verdict::kDelivered;
  const bool again =
      status == 0 || (status >= 300 && status < 400) || status == 429 || status >= 500;
  return again ? Verdict::kRetry : Verdict::kExpired;
}

}  // namespace modhost::sandbox
