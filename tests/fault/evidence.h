// Evidence: what platform, inbox and log show of a run after its host has stopped, by event.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/fault/ledger_events.h"
#include "tests/support/inbox_view.h"
#include "tests/support/recording_platform.h"

namespace modhost::host {

// A call that concerns one assistant message.
struct MessageCall {
  const RecordedCall* call = nullptr;
  std::int64_t order = 0;   // of the step it creates or changes; 0: it concerns the message itself
  bool writesText() const;  // a PATCH of the message with text, which the platform did
};

struct DeadLetterRow {
  std::string target;
  int end = 0;  // as in End
  std::string why;
};

struct StoredEvent {
  std::int64_t seq = 0;
  int open = 0;
  std::vector<DeadLetterRow> dead = {};
};

class Evidence {
 public:
  Evidence(const RecordingPlatform& platform, const InboxView& inbox, const std::string& log);

  const std::map<std::string, StoredEvent>& stored() const { return stored_; }  // by id
  // The calls in the order of their coming.
  const std::vector<MessageCall>& calls(const std::string& message_id) const;
  const std::vector<MessageLogRow>& rows() const { return rows_; }
  // What the chat shows; empty for nothing.
  std::string text(const std::string& message_id) const;
  const std::vector<std::string>& logLines(const std::string& event_id) const;
  // The first moment at which the message had a text; nullopt for never.
  std::optional<SteadyTime> answeredAt(const std::string& message_id) const;

  // All that is known of one event, for a person who looks into it.
  std::string dossier(const LedgerEvent& event) const;

 private:
  void sortCalls();
  void readInbox(const InboxView& inbox);
  void sortLog(const std::string& log);

  const std::vector<RecordedCall> calls_;
  const std::vector<MessageLogRow> rows_;
  std::map<std::string, std::string> texts_;
  std::map<std::string, std::vector<MessageCall>> calls_of_;
  std::map<std::string, StoredEvent> stored_;
  std::map<std::string, std::vector<std::string>> log_of_;
};

}  // namespace modhost::host
