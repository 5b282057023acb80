#include "host/ingress/http_status.h"

#include <ctime>

// The platform sends 3xx, 429 and 5xx again, up to five times, and never anything else: a 4xx is
// final. So 4xx is only for what can never become right, and whatever is our own trouble (or may be
// the network's: a request that came too slowly is 503, not 408) is 503.

namespace modhost::host {
namespace {

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
  switch (answer) {
    case Answer::kStored:
      return {200, "OK", "stored", "", true};
    case Answer::kDuplicate:
      return {200, "OK", "duplicate", "", true};
    case Answer::kUnrouted:
      return {200, "OK", "unrouted", "", true};
    case Answer::kParked:
      return {200, "OK", "parked", "", true};
    case Answer::kHealthy:
      return {200, "OK", "healthy", ""};
    case Answer::kNoSignature:
      return {400, "Bad Request", "no_signature", "Missing signature headers"};
    // One text for the three: a stranger learns nothing of which it was. The log and the label say.
    case Answer::kWrongSignature:
      return {400, "Bad Request", "wrong_signature", "Invalid signature"};
    case Answer::kBadTimestamp:
      return {400, "Bad Request", "bad_timestamp", "Invalid signature"};
    case Answer::kStaleTimestamp:
      return {400, "Bad Request", "stale_timestamp", "Invalid signature"};
    case Answer::kMalformed:
      return {400, "Bad Request", "malformed", "Malformed request"};
    case Answer::kNotFound:
      return {404, "Not Found", "not_found", "Not found"};
    case Answer::kWrongMethod:
      return {405, "Method Not Allowed", "wrong_method", "Method not allowed"};
    case Answer::kBodyTooLarge:
      return {413, "Content Too Large", "body_too_large", "Body too large"};
    case Answer::kHeadTooLarge:
      return {431, "Request Header Fields Too Large", "head_too_large", "Headers too large"};
    case Answer::kInboxFull:
      return {503, "Service Unavailable", "inbox_full", "Try again later", true};
    case Answer::kInboxUnavailable:
      return {503, "Service Unavailable", "inbox_unavailable", "Try again later", true};
    case Answer::kInboxFailed:
      return {503, "Service Unavailable", "inbox_failed", "Try again later", true};
    case Answer::kDraining:
      return {503, "Service Unavailable", "draining", "Try again later"};
    case Answer::kReadTimeout:
      return {503, "Service Unavailable", "read_timeout", "Try again later"};
    case Answer::kOverloaded:
      return {503, "Service Unavailable", "overloaded", "Try again later"};
    case Answer::kInternal:
      return {503, "Service Unavailable", "internal", "Try again later"};
  }
  return {503, "Service Unavailable", "internal", "Try again later"};
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
