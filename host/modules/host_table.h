// The functions a module calls, as C on its side and C++ on ours. Here, and nowhere else, what a
// module passes is unpacked: null pointers, short structs and unknown numbers end in a safe value.
#pragma once

#include <modhost/abi.h>

#include <functional>
#include <string_view>

#include "host/base/log.h"
#include "host/modules/module_runner.h"

namespace modhost::host {

// Threads: any. Nothing may throw.
class HostFunctions {
 public:
  virtual ~HostFunctions() = default;
  virtual void log(AttemptToken token, LogLevel level, std::string_view message,
                   std::string_view fields) = 0;
  virtual void metric(std::int32_t kind, std::string_view name, double value) = 0;
  virtual void call(AttemptToken token, ModuleCall call, std::function<void(ModuleReply)> done) = 0;
  virtual bool cancelled(AttemptToken token) = 0;
  virtual void complete(AttemptToken token, AttemptEnd end) = 0;
};

// The table for create(); `functions` must outlive the module's instance.
modhost_host hostTable(HostFunctions& functions);

// What a module holds of an attempt is its token, not an address: tokens are never used twice, so
// the use of one whose attempt is over is found, not undefined.
modhost_attempt* handleOf(AttemptToken token);

// The event as a module sees it; its views live as long as `attempt`.
modhost_event eventOf(const Attempt& attempt);

}  // namespace modhost::host
