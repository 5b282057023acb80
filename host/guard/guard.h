// Guard: every platform call of a module passes here, so the host knows for each event which
// message logs are open and whether the assistant message was written, and can end the chat well
// whatever dies.
//
// An attempt's calls go through its GuardedAttempt:
//   POST  /message-log        intent recorded → POST → id recorded → reply. A step known from an
//   earlier
//                             attempt is PATCHed back to RUNNING instead of created again.
//   PATCH /message-log/{id}   the step's new state is recorded after a 2xx.
//   PATCH /messages/{id}      with text, on the event's assistant message: intent recorded → PATCH
//   →
//                             answer recorded → reply. So is an integrated stream that writes into
//                             it.
//   anything else             allowed by the module's `platform_calls`, passed on.
//
// Threads: every method from any thread. Callbacks run on the inbox's writer or the platform's
// thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/inbox/inbox.h"
#include "host/modules/platform_calls.h"
#include "host/platform/platform.h"

namespace modhost::host {

struct GuardSettings {
  std::string apology = "Sorry, something went wrong processing your request. Please try again.";
  Milliseconds call_timeout{30'000};  // of each closing call with its tries
  Milliseconds settle_wait{5'000};    // how long a fenced attempt's write on the wire is awaited
  Milliseconds stop_poll{2'000};      // between two looks for the user's stop; 0: none
  // A call whose intent the inbox can not take for a moment (a full disk) waits this long, asking
  // again after each record_pause; then it fails.
  Milliseconds record_wait{5'000};
  Milliseconds record_pause{200};
  // A row that a write opened after the fence had stopped waiting for it is closed in at most so
  // many rounds, each with the client's tries; late_backoff before the second, then doubled: a
  // minute of waiting in all.
  int late_rounds = 6;
  Milliseconds late_backoff{2'000};
};

// One `METHOD /path/pattern` a module may call; `*` stands for one path segment, `**` for any rest.
struct CallPattern {
  std::string method;
  std::string path;
};

// What the typed client of plugin-api uses; the default of `platform_calls:`.
std::vector<CallPattern> defaultCallPatterns();

class GuardedAttempt : public PlatformCalls {
 public:
  // Fences the attempt: from now on its calls answer kCancelled and nothing it sends goes out, also
  // not what waits in the platform's client. A write already on the wire is awaited for at most
  // settle_wait and not tried again. Then `quiet` runs, once; a second revoke() joins the first.
  virtual void revoke(std::function<void()> quiet) = 0;
  // context.cancelled() becomes true; calls still go out until the fence (so that a module can
  // close steps).
  virtual void cancel() = 0;

  // Looks every stop_poll, from the event's receipt on, whether the user pressed stop: whether the
  // assistant message has its userAbortedAt. Once it has, context.cancelled() and userStopped() are
  // true, and `stopped` runs, once. A look that fails is counted and forgotten. There is one look
  // at a time, and none after the fence or the deadline. Called at most once.
  virtual void watchForStop(std::function<void()> stopped) = 0;
  virtual bool userStopped() const = 0;

  // Some message log of this delivery is RUNNING, or may be. What standing() says of it, without a
  // read.
  virtual bool openSteps() const = 0;
};

// What is owed to the chat when a delivery ends for good.
struct Closing {
  Delivery delivery;
  bool ended_well = false;  // ok: open steps are set COMPLETED (counted, warned about); else FAILED
  bool apologise = false;   // write the apology if no answer stands
  // Nobody of this host is known to have owed the answer: look at the message before writing.
  bool look_first = false;
};

class Guard {
 public:
  virtual ~Guard() = default;

  // Opens the way out for one attempt. Reads the ledger when the delivery was begun before.
  virtual std::shared_ptr<GuardedAttempt> open(
      const Delivery& delivery, SteadyTime deadline,
      std::shared_ptr<const std::vector<CallPattern>> allowed) = 0;

  struct Standing {
    bool open_steps = false;  // some message log is RUNNING, or may be
    bool answered = false;    // an answer is known to stand
    bool apologised = false;  // no answer, but the apology is: of before a replay
  };
  // What the ledger says now. The fate of an intended but unconfirmed write counts as not answered.
  virtual Result<Standing> standing(const DeliveryKey& key) = 0;

  // Makes the closing calls, each independent of the others: every open step is PATCHed, and the
  // apology is written if due. Before that the message is read: nothing is written into one that
  // the user stopped, nor over a write of unknown fate that did arrive. `done(true)`: everything
  // owed was accepted by the platform; false: some call failed for good (logged, counted).
  virtual void close(const Closing& closing, std::function<void(bool)> done) = 0;
};

}  // namespace modhost::host
