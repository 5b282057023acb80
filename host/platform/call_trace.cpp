#include "host/platform/call_trace.h"

#include <algorithm>

namespace modhost::host {
namespace {

constexpr char kArea[] = "platform";
constexpr std::size_t kPathBytesMax = 200;

bool isTraced(const PlatformRequest& request) {
  if (logEnabled(LogLevel::kTrace, kArea)) return true;
  return request.origin && logEnabled(LogLevel::kTrace, request.origin->scope);
}

std::string_view shownPath(const PlatformRequest& request) {
  const std::string_view path = request.path;
  return path.substr(0, std::min(path.find('?'), kPathBytesMax));
}

const LogFields& aboutOf(const PlatformRequest& request) {
  static const LogFields nobody;
  return request.origin ? request.origin->about : nobody;
}

std::int64_t milliseconds(SteadyTime::duration took) {
  return std::chrono::duration_cast<Milliseconds>(took).count();
}

// An HTTP status, or the client's own words for what came instead of a reply.
LogField resultOf(const Result<PlatformReply>& reply) {
  if (reply.ok()) return {"status", reply.value().status};
  return {"error", reply.error().message};
}

}  // namespace

const char* errorWord(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kTimeout:
      return "timeout";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kInvalid:
      return "refused";
    default:
      return "unavailable";
  }
}

std::string outcomeWord(const PlatformOutcome& outcome) {
  if (outcome.reply.ok()) return std::to_string(outcome.reply.value().status / 100) + "xx";
  return errorWord(outcome.reply.error().kind);
}

void traceTry(const PlatformRequest& request, int number, const Result<PlatformReply>& reply,
              SteadyTime::duration took) {
  if (!isTraced(request)) return;
  logLine(LogLevel::kTrace, kArea, "try ended", aboutOf(request),
          {{"method", request.method},
           {"path", shownPath(request)},
           {"try", number},
           resultOf(reply),
           {"duration_ms", milliseconds(took)},
           {"span_id", request.span_id}});
}

void traceCall(const PlatformRequest& request, int tries, const PlatformOutcome& outcome,
               SteadyTime::duration took) {
  if (!isTraced(request)) return;
  logLine(LogLevel::kTrace, kArea, "call ended", aboutOf(request),
          {{"method", request.method},
           {"path", shownPath(request)},
           {"route", request.route},
           {"outcome", outcomeWord(outcome)},
           resultOf(outcome.reply),
           {"tries", tries},
           {"duration_ms", milliseconds(took)},
           {"span_id", request.span_id}});
}

}  // namespace modhost::host
