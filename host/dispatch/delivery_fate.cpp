#include "host/dispatch/delivery_fate.h"

#include <algorithm>
#include <utility>

#include "host/base/assert.h"

namespace modhost::host {
namespace {

using Kind = AttemptEnd::Kind;

// Cut between characters: a continuation byte (10xxxxxx) never comes first after the cut.
std::string shortened(std::string text) {
  if (text.size() <= kErrorBytesMax) return text;
  std::size_t size = kErrorBytesMax;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
  text.resize(size);
  return text;
}

Fate endAs(End end, const std::string& error) {
  return {Fate::Next::kEnd, end, Milliseconds{}, shortened(error)};
}

Fate afterOk(const AttemptReport& report) {
  if (report.answer_left && !report.answered) {
    return endAs(End::kFailed, "the module said ok but wrote no answer");
  }
  return endAs(End::kOk, "");
}

Fate afterFailure(const AttemptReport& report, const RetrySettings& retry) {
  const bool delay_named =
      report.end.kind == Kind::kRetry && report.end.retry_after > Milliseconds{};
  const Milliseconds delay = delay_named ? std::min(report.end.retry_after, retry.backoff_max)
                                         : backoffAfter(retry, report.attempts);
  const bool in_time = !report.answer_left || delay < *report.answer_left;
  const std::string why = report.end.text.empty() && report.end.kind == Kind::kRetry
                              ? "the module asked for a retry"
                              : report.end.text;
  if (report.attempts >= retry.attempts || !in_time) return endAs(End::kFailed, why);
  return {Fate::Next::kRetry, End::kFailed, delay, shortened(why)};
}

Fate afterInterruption(const AttemptReport& report, int interruptions_max) {
  const std::string& why = report.end.text;
  if (!report.end.suspect) return {Fate::Next::kHandBack, End::kInterrupted, {}, shortened(why)};
  if (report.interruptions + 1 >= interruptions_max) return endAs(End::kInterrupted, why);
  return {Fate::Next::kInterrupted, End::kInterrupted, {}, shortened(why)};
}

bool saidSo(Kind kind) {
  return kind == Kind::kOk || kind == Kind::kSkipped || kind == Kind::kReject;
}

}  // namespace

Fate decideFate(const AttemptReport& report, const FateLimits& limits) {
  if (report.user_stopped) return endAs(End::kStopped, "");
  if (report.deadline_passed && !saidSo(report.end.kind)) {
    return endAs(End::kOverran, report.end.text);
  }
  switch (report.end.kind) {
    case Kind::kOk:
      return afterOk(report);
    case Kind::kSkipped:
      return endAs(End::kSkipped, report.end.text);
    case Kind::kReject:
      return endAs(End::kRejected, report.end.text);
    case Kind::kRetry:
    case Kind::kFailed:
      return afterFailure(report, limits.retry);
    case Kind::kInterrupted:
      return afterInterruption(report, limits.interruptions_max);
  }
  MODHOST_UNREACHABLE();
}

Milliseconds backoffAfter(const RetrySettings& retry, int attempt) {
  Milliseconds delay = retry.backoff;
  for (int n = 1; n < attempt && delay < retry.backoff_max; ++n) delay *= 2;
  return std::min(delay, retry.backoff_max);
}

bool isGood(End end) { return end == End::kOk || end == End::kSkipped || end == End::kStopped; }

}  // namespace modhost::host
