// Webhooks as the platform makes them: the bodies of its two chat events, the headers with the
// signature, and what it does with the receiver's answer.
#pragma once

#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/crypto.h"
#include "sandbox/chat_store.h"

namespace modhost::sandbox {

struct WebhookEvent {
  std::string id;  // "evt_…", also in the body
  std::string type;
  std::string body;  // the bytes that are signed and sent, the same on every try
};

// unique.chat.user-message.created
WebhookEvent userMessageCreated(const Question& question, const Tenant& tenant, host::WallTime now);

// unique.chat.external-module.chosen; `module` is its payload's name.
WebhookEvent externalModuleChosen(const Question& question, const Tenant& tenant,
                                  const std::string& module, host::WallTime now);

// Header lines for one try at `now`: X-Unique-* and the content type. The signature is HMAC-SHA256
// over the body alone, in lower-case hex.
std::vector<std::string> webhookHeaders(const WebhookEvent& event, const Tenant& tenant,
                                        const host::HmacKey& secret, host::WallTime now);

enum class Verdict { kDelivered = 1, kRetry, kExpired };

// 2xx is delivered; 3xx, 429 and 5xx are tried again; so is 0, no answer (for this the platform has
// no published rule). Everything else is final.
Verdict verdictOn(int status);

}  // namespace modhost::sandbox
