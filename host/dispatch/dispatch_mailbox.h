// DispatchMailbox: how the dispatch thread hears from all others. Callbacks given to the inbox, the
// runners and the guard hold it, and nothing else of dispatch, so that they may come late without
// harm.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "host/base/clock.h"
#include "host/base/mutex.h"
#include "host/dispatch/dispatcher.h"
#include "host/inbox/inbox.h"
#include "host/modules/module_runner.h"

namespace modhost::host {

// The module has come back from an attempt.
struct AttemptEnded {
  DeliveryKey key;
  AttemptToken token = 0;
  AttemptEnd end;
  SteadyTime at{};
};

// A fenced attempt has nothing on the wire any more.
struct AttemptQuiet {
  DeliveryKey key;
  AttemptToken token = 0;
};

// The user pressed stop while the module has this attempt.
struct AttemptStopped {
  DeliveryKey key;
  AttemptToken token = 0;
};

// A round of closing calls is over; `all_accepted` as Guard::close reports it.
struct ClosingCallsDone {
  DeliveryKey key;
  bool all_accepted = false;
};

// A new configuration's lanes; `serving` is kept when they serve.
struct NewLanes {
  std::vector<Lane> lanes;
  std::promise<void> serving;
};
using NewLanesPtr = std::shared_ptr<NewLanes>;

using DispatchMessage =
    std::variant<AttemptEnded, AttemptQuiet, AttemptStopped, ClosingCallsDone, NewLanesPtr>;

struct DispatchMail {
  std::set<Target>
      ready;  // targets that may have something new; each once however often it was said
  std::vector<DispatchMessage>
      messages;  // in the order of their coming; bounded by the deliveries in memory, and a reload
  bool stop = false;
  bool hurry = false;
};

// Threads: every method from any thread; take() from one.
class DispatchMailbox {
 public:
  explicit DispatchMailbox(Clock& clock) : clock_(clock) {}

  void ready(const Target& target);
  void post(DispatchMessage message);
  // The module has come back just now.
  void postEnded(const DeliveryKey& key, AttemptToken token, AttemptEnd end);
  void stop();
  void hurry();  // stop(), without the drain
  // Nobody will take any more: what comes later is dropped.
  void close();

  // Blocks until there is mail or `until` has passed; nullopt: as long as it takes. Maybe empty.
  DispatchMail take(std::optional<SteadyTime> until);

 private:
  bool empty() const REQUIRES(mutex_);

  Clock& clock_;
  Mutex mutex_;
  CondVar arrived_;
  DispatchMail mail_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace modhost::host
