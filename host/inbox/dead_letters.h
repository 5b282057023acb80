// DeadLetters: the operator's side of an inbox: what it holds, and what becomes of a dead letter. A
// dead letter keeps its event's body, its ledger and the record of every attempt until it is
// replayed, dropped, or pushed out by the limits on count and age.
//
// Threads, errors: as Inbox. Nothing here is on an event's hot path.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "host/base/result.h"
#include "host/inbox/event_query.h"
#include "host/inbox/inbox.h"

namespace modhost::host {

struct DeadLetter {
  std::int64_t number = 0;  // the order of dying; the cursor of list()
  DeliveryKey key;
  std::string event_id;
  WallTime received_at{};
  WallTime died_at{};
  End end = End::kFailed;
  std::string why;
  int attempts = 0;
  int interruptions = 0;
  std::vector<AttemptRecord> records;  // oldest first, the latest kAttemptRecordsMax
};

class DeadLetters {
 public:
  virtual ~DeadLetters() = default;

  // The open and dead deliveries that match, by event. Never loads a body; what it reads is
  // bounded, however much waits.
  virtual Result<EventPage> page(const EventQuery& query) = 0;

  // kInvalid: no event of this id, or of this seq, is kept.
  virtual Result<EventSeq> seqOf(const std::string& event_id) = 0;
  virtual Result<EventStory> story(EventSeq seq) = 0;

  // Up to `max` dead letters that died after number `after` (0: from the first), oldest death
  // first.
  virtual Result<std::vector<DeadLetter>> deadLetters(std::int64_t after, std::size_t max) = 0;

  // The stored body, byte for byte. kInvalid: no such event, or its body is gone.
  virtual Result<std::string> body(EventSeq seq) = 0;

  // Makes a dead letter wait again, as new (attempts reset, answer_within counts from now) but with
  // its ledger. `targets` names who gets it instead, for what was parked or unrouted; empty: its
  // own target. Durable on return. kInvalid: no such dead letter, a body that is no event, a target
  // that has the event open or dead already, or no target at all where its own is one no module
  // will ever have.
  virtual Result<void> replay(const DeliveryKey& key, std::span<const Target> targets) = 0;

  // Ends a dead letter for good. Durable on return. kInvalid: no such dead letter.
  virtual Result<void> drop(const DeliveryKey& key) = 0;
};

}  // namespace modhost::host
