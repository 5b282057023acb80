// The books of the ledger test: what the senders were told, and the checks that it came true.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "host/base/mutex.h"
#include "tests/fault/chaos.h"
#include "tests/fault/evidence.h"
#include "tests/fault/ledger_events.h"

namespace modhost::host {

struct Entry {
  LedgerEvent event;
  SteadyTime acknowledged_at{};
};

// What was acknowledged. Threads: any.
class Books {
 public:
  void acknowledged(const LedgerEvent& event);
  std::vector<Entry> entries() const;

 private:
  mutable Mutex mutex_;
  std::vector<Entry> entries_ GUARDED_BY(mutex_);
};

struct Complaint {
  std::string what;
  std::string event_id = {};  // whose dossier helps; empty: of no single one
};

// What was found, and what is wrong with it.
struct Balance {
  std::map<std::string, int> fates;  // "answered", "apologised", … → events
  int extra_or_orphaned_rows = 0;
  int texts_written_again = 0;     // texts beyond the first of a message, all explained
  int innocents_interrupted = 0;   // dead for their workers' deaths, though their own mood is mild
  double overtaken_by_flood = 0;   // median share of a flood that was served before a quiet event
  int quiet_events_in_floods = 0;  // what that is the median of
  std::vector<Complaint> complaints;

  int count(const std::string& fate) const { return fates.count(fate) == 0 ? 0 : fates.at(fate); }
};

struct Witnesses {
  const std::vector<Entry>& entries;
  const Evidence& evidence;
  const std::vector<std::string>& logged_ids;  // in message-logger's file
  const InboxCounts& inbox;
  const std::vector<HostAway>& host_aways;
};

Balance balance(const Witnesses& witnesses);

}  // namespace modhost::host
