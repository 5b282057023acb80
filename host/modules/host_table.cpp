#include "host/modules/host_table.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "host/modules/module_limits.h"

namespace modhost::host {
namespace {

HostFunctions& functionsOf(void* host) { return *static_cast<HostFunctions*>(host); }

AttemptToken tokenOf(const modhost_attempt* handle) {
  return static_cast<AttemptToken>(reinterpret_cast<std::uintptr_t>(handle));
}

std::string_view textOf(const modhost_view& view) {
  if (view.data == nullptr) return {};
  return {view.data, static_cast<std::size_t>(view.size)};
}

modhost_view viewOf(std::string_view text) { return {text.data(), text.size()}; }

// The size rule: what the module's build does not have is zero.
template <typename T>
T received(const T* theirs) {
  T ours{};
  if (theirs != nullptr) {
    std::memcpy(&ours, theirs, std::min<std::size_t>(theirs->size, sizeof(T)));
  }
  return ours;
}

LogLevel levelOf(std::int32_t level) {
  if (level == MODHOST_LOG_DEBUG) return LogLevel::kDebug;
  if (level == MODHOST_LOG_WARN) return LogLevel::kWarn;
  if (level == MODHOST_LOG_ERROR) return LogLevel::kError;
  return LogLevel::kInfo;
}

void hostLog(void* host, const modhost_attempt* attempt, std::int32_t level, modhost_view message,
             modhost_view fields) noexcept {
  functionsOf(host).log(tokenOf(attempt), levelOf(level), textOf(message), textOf(fields));
}

void hostMetric(void* host, std::int32_t kind, modhost_view name, double value) noexcept {
  functionsOf(host).metric(kind, textOf(name), value);
}

void answer(modhost_reply_fn reply, void* user, const ModuleReply& with) {
  modhost_reply out{};
  out.size = sizeof(out);
  out.error = static_cast<std::int32_t>(with.error);
  out.http_status = with.status;
  out.body = viewOf(with.body);
  out.error_text = viewOf(with.error_text);
  reply(user, &out);
}

void hostCall(void* host, modhost_attempt* attempt, const modhost_request* request,
              modhost_reply_fn reply, void* user) noexcept {
  if (reply == nullptr) {
    functionsOf(host).log(tokenOf(attempt), LogLevel::kError,
                          "a platform call without a reply function was not made", {});
    return;
  }
  const modhost_request theirs = received(request);
  const auto done = [reply, user](const ModuleReply& with) { answer(reply, user, with); };
  if (theirs.body.size > kCallBodyBytesMax || theirs.path.size > kCallPathBytesMax ||
      theirs.method.size > kCallMethodBytesMax) {
    done({ModuleReply::Error::kRefused, 0, "", "method, path or body is too long"});
    return;
  }
  functionsOf(host).call(tokenOf(attempt),
                         {std::string(textOf(theirs.method)), std::string(textOf(theirs.path)),
                          std::string(textOf(theirs.body))},
                         done);
}

std::int32_t hostCancelled(void* host, const modhost_attempt* attempt) noexcept {
  return functionsOf(host).cancelled(tokenOf(attempt)) ? 1 : 0;
}

AttemptEnd endOf(const modhost_outcome& outcome) {
  AttemptEnd end;
  end.text = bounded(textOf(outcome.text));
  switch (outcome.kind) {
    case MODHOST_OK:
      end.kind = AttemptEnd::Kind::kOk;
      break;
    case MODHOST_RETRY:
      end.kind = AttemptEnd::Kind::kRetry;
      break;
    case MODHOST_REJECT:
      end.kind = AttemptEnd::Kind::kReject;
      break;
    case MODHOST_SKIPPED:
      end.kind = AttemptEnd::Kind::kSkipped;
      break;
    case MODHOST_FAILED:
      end.kind = AttemptEnd::Kind::kFailed;
      break;
    default:
      end.text = "the module ended with an unknown outcome, " + std::to_string(outcome.kind);
  }
  end.retry_after =
      Milliseconds(std::clamp<std::int64_t>(outcome.retry_after_ms, 0, kRetryAfterMsMax));
  return end;
}

void hostComplete(void* host, modhost_attempt* attempt, const modhost_outcome* outcome) noexcept {
  functionsOf(host).complete(tokenOf(attempt), endOf(received(outcome)));
}

}  // namespace

modhost_host hostTable(HostFunctions& functions) {
  modhost_host table{};
  table.size = sizeof(table);
  table.abi_major = MODHOST_ABI_MAJOR;
  table.abi_minor = MODHOST_ABI_MINOR;
  table.host = &functions;
  table.log = hostLog;
  table.metric = hostMetric;
  table.call = hostCall;
  table.cancelled = hostCancelled;
  table.complete = hostComplete;
  return table;
}

modhost_attempt* handleOf(AttemptToken token) {
  return reinterpret_cast<modhost_attempt*>(static_cast<std::uintptr_t>(token));
}

modhost_event eventOf(const Attempt& attempt) {
  const Event& from = *attempt.event;
  modhost_event event{};
  event.size = sizeof(event);
  event.attempt = static_cast<std::uint32_t>(attempt.number);
  event.id = viewOf(from.id);
  event.type = viewOf(from.type);
  event.user_id = viewOf(from.user_id);
  event.company_id = viewOf(from.company_id);
  event.chat_id = viewOf(from.chat_id);
  event.body = viewOf(from.body);
  event.received_at_ms = from.received_at.time_since_epoch().count();
  event.deadline_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(attempt.deadline.time_since_epoch())
          .count();
  return event;
}

}  // namespace modhost::host
