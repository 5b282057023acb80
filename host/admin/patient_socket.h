// A server socket whose connections have so long in all for their whole request. Poco's own timeout
// is for one wait: who sends a byte a second would hold one of the few threads for hours.
#pragma once

#include <Poco/Net/ServerSocket.h>

#include "host/base/clock.h"

namespace modhost::host {

// Bound by the caller, and not shared with another process. `patience` counts from the moment a
// thread begins to read; after it, reading throws Poco::TimeoutException.
class PatientServerSocket final : public Poco::Net::ServerSocket {
 public:
  explicit PatientServerSocket(Milliseconds patience);
};

}  // namespace modhost::host
