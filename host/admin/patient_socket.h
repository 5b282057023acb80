// A server socket whose connections have so long in all for their whole request, and so long for
// taking the whole answer. Poco's own timeout is for one wait of reading, and it waits for ever for
// a peer that does not read: who sends or takes a byte a second would hold one of the few threads
// for hours.
#pragma once

#include <Poco/Net/ServerSocket.h>

#include "host/base/clock.h"

namespace modhost::host {

struct Patience {
  Milliseconds request;  // from the moment a thread begins to read
  Milliseconds answer;   // from the first byte of the answer
};

// Bound by the caller, and not shared with another process. After its time, reading or sending
// throws Poco::TimeoutException.
class PatientServerSocket final : public Poco::Net::ServerSocket {
 public:
  explicit PatientServerSocket(const Patience& patience);
};

}  // namespace modhost::host
