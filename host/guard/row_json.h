// The few members of the platform's JSON the guard reads and writes. Bodies are parsed here and
// nowhere else in this folder, after their depth was checked.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "host/inbox/inbox.h"
#include "host/platform/platform.h"

namespace modhost::host {

// nullopt: no JSON object, or nested deeper than kJsonDepthMax.
std::optional<nlohmann::json> parseObject(std::string_view text);

// A string member; empty when it is missing or no string.
std::string textMember(const nlohmann::json& object, const char* name);

// `status` of a row: RUNNING → kOpen, COMPLETED, FAILED; nullopt for anything else.
std::optional<StepState> stateMember(const nlohmann::json& object);

// The body that closes a row: `state` is kCompleted or kFailed.
const char* closingBody(StepState state);

// `messageId` and `order` (0 when missing) of a create. nullopt: no id, or an order that is no
// 64-bit integer.
std::optional<StepKey> stepKeyOf(const nlohmann::json& create);

bool isSuccess(const PlatformOutcome& outcome);
// "/messages/{id}" of the event's assistant message, and the same with the query its GET needs.
std::string messagePath(const Event& event);
std::string messageLookPath(const Event& event);
// The message in a 2xx reply to that GET. nullopt: there is none, or it is no message.
std::optional<nlohmann::json> messageIn(const PlatformOutcome& outcome);
// The user pressed stop while the answer was being made: `userAbortedAt` holds something.
bool isAborted(const nlohmann::json& message);

// `id` of the row in a 2xx reply; empty when there is none.
std::string rowId(const PlatformOutcome& outcome);

}  // namespace modhost::host
