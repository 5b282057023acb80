// CallTrace: the log's lines at level trace about each try and each call. What the calls say stays
// out of them: no query, header or body, of request or reply.
#pragma once

#include "host/base/clock.h"
#include "host/platform/platform.h"

namespace modhost::host {

// Why no reply came: timeout, cancelled, refused (nothing was sent) or unavailable.
const char* errorWord(ErrorKind kind);

// "2xx" … "5xx", "timeout", "cancelled", "refused" or "unavailable".
std::string outcomeWord(const PlatformOutcome& outcome);

// `number` from 1.
void traceTry(const PlatformRequest& request, int number, const Result<PlatformReply>& reply,
              SteadyTime::duration took);
void traceCall(const PlatformRequest& request, int tries, const PlatformOutcome& outcome,
               SteadyTime::duration took);

}  // namespace modhost::host
