#include "host/ingress/http_status.h"

#include <array>
#include <ctime>

// The platform sends 3xx, 429 and 5xx again, up to five times, and never anything else: a 4xx is
// final. So 4xx is only for what can never become right, and whatever is our own trouble (or may be
// the network's: a request that came too slowly is 503, not 408) is 503.

namespace modhost::host {
namespace {

struct Row {
  Answer answer{};
  HttpStatus status;
};

// Each answer at its own place.
constexpr std::array<Row, kAnswers> kRows{{
    {Answer::kStored, {200, "OK", "stored", "", true}},
    {Answer::kDuplicate, {200, "OK", "duplicate", "", true}},
    {Answer::kUnrouted, {200, "OK", "unrouted", "", true}},
    {Answer::kParked, {200, "OK", "parked", "", true}},
    {Answer::kHealthy, {200, "OK", "healthy", ""}},
    {Answer::kNoSignature, {400, "Bad Request", "no_signature", "Missing signature headers"}},
    // One text for the four: a stranger learns nothing of which it was. The log and the label say.
    {Answer::kWrongSignature, {400, "Bad Request", "wrong_signature", "Invalid signature"}},
    {Answer::kExpiredSecret, {400, "Bad Request", "expired_secret", "Invalid signature"}},
    {Answer::kBadTimestamp, {400, "Bad Request", "bad_timestamp", "Invalid signature"}},
    {Answer::kStaleTimestamp, {400, "Bad Request", "stale_timestamp", "Invalid signature"}},
    {Answer::kMalformed, {400, "Bad Request", "malformed", "Malformed request"}},
    {Answer::kNotFound, {404, "Not Found", "not_found", "Not found"}},
    {Answer::kWrongMethod, {405, "Method Not Allowed", "wrong_method", "Method not allowed"}},
    {Answer::kBodyTooLarge, {413, "Content Too Large", "body_too_large", "Body too large"}},
    {Answer::kHeadTooLarge,
     {431, "Request Header Fields Too Large", "head_too_large", "Headers too large"}},
    {Answer::kInboxFull, {503, "Service Unavailable", "inbox_full", "Try again later", true}},
    {Answer::kInboxUnavailable,
     {503, "Service Unavailable", "inbox_unavailable", "Try again later", true}},
    {Answer::kInboxFailed, {503, "Service Unavailable", "inbox_failed", "Try again later", true}},
    {Answer::kDraining, {503, "Service Unavailable", "draining", "Try again later"}},
    {Answer::kReadTimeout, {503, "Service Unavailable", "read_timeout", "Try again later"}},
    {Answer::kOverloaded, {503, "Service Unavailable", "overloaded", "Try again later"}},
    {Answer::kInternal, {503, "Service Unavailable", "internal", "Try again later"}},
}};

constexpr bool isComplete() {
  for (int i = 0; i < kAnswers; ++i) {
    if (kRows.at(static_cast<std::size_t>(i)).answer != static_cast<Answer>(i + 1)) return false;
  }
  return true;
}
static_assert(isComplete(), "one row per Answer, in the order of the enum");

// RFC 9110 §5.6.7, of this second.
const std::string& httpDate() {
  thread_local std::time_t second = 0;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now == second) return text;
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char date[64];
  std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  second = now;
  return text = date;
}

}  // namespace

HttpStatus httpStatus(Answer answer) {
  return kRows.at(static_cast<std::size_t>(answer) - 1).status;
}

std::string answerBody(Answer answer, std::string_view why) {
  const HttpStatus status = httpStatus(answer);
  if (answer == Answer::kHealthy) return R"({"status":"ok"})";
  if (answer == Answer::kParked) return R"({"success":true,"parked":")" + std::string(why) + "\"}";
  if (status.code == 200) return R"({"success":true})";
  return R"({"success":false,"error":")" + std::string(status.error) + "\"}";
}

bool mayComeAgain(Answer answer) { return httpStatus(answer).code >= 500; }

std::string wholeResponse(Answer answer, std::string_view why, bool keep) {
  const HttpStatus status = httpStatus(answer);
  const std::string body = answerBody(answer, why);
  std::string response = "HTTP/1.1 " + std::to_string(status.code) + " " + status.reason;
  response += "\r\nDate: " + httpDate();
  if (mayComeAgain(answer)) {
    response += "\r\nRetry-After: " + std::to_string(kRetryAfterSeconds);
  }
  response += "\r\nContent-Type: application/json\r\nContent-Length: ";
  response += std::to_string(body.size());
  response += keep ? "\r\nConnection: Keep-Alive\r\n\r\n" : "\r\nConnection: Close\r\n\r\n";
  return response + body;
}

AnswerCounts::AnswerCounts(Metrics& metrics) {
  for (int i = 1; i <= kAnswers; ++i) {
    const HttpStatus status = httpStatus(static_cast<Answer>(i));
    counters_.push_back(metrics.counter("modhost_webhooks_total",
                                        "Requests to the webhook port, by what was answered.",
                                        {{"answer", status.label}}));
  }
}

}  // namespace modhost::host
