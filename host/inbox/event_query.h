// What an operator asks an inbox for, what comes back, and the rules that join the two. Every Inbox
// applies these, so that no two of them can disagree. No I/O, no clock.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "host/inbox/delivery_life.h"
#include "host/inbox/inbox.h"

namespace modhost::host {

// One delivery as it stands. Those that are done or dropped leave no trace of their own.
struct DeliveryView {
  Target target;
  DeliveryState state = DeliveryState::kWaiting;
  int attempts = 0;
  int interruptions = 0;
  std::optional<End> end;  // decided: closing and dead
  WallTime due{};          // waiting: not before; else the epoch
  std::string why;         // dead; never message text
  WallTime died_at{};      // dead; else the epoch
};

DeliveryView viewOf(const Target& target, const DeliveryLife& life);

struct EventView {
  EventSeq seq = 0;
  std::string id;
  WallTime received_at{};
  std::vector<DeliveryView> deliveries;  // by target
};

// Empty members match everything.
struct EventQuery {
  std::optional<DeliveryState> state;
  std::optional<End> end;
  Target target;
  std::optional<WallTime> received_from;   // at or after
  std::optional<WallTime> received_until;  // before
  bool oldest_first = false;               // in the order of acceptance; false: the newest first
  EventSeq after = 0;                      // `next` of the page before; 0: the first page
  std::size_t max = 50;                    // events of one page
};

struct EventPage {
  std::vector<EventView> events;  // each with those of its deliveries that match
  // Where the next page begins; 0: this was the last. A page may hold fewer than `max` events, even
  // none, and yet not be the last: what one call reads is bounded.
  EventSeq next = 0;
};

bool matches(const EventQuery& query, const DeliveryView& delivery, WallTime received_at);

// One delivery found, on its way into a page.
struct FoundDelivery {
  EventSeq seq = 0;
  std::string event_id;
  WallTime received_at{};
  DeliveryView delivery;
};

// Of all `found`, the page. `cut`: some source was read only so far, and may hold more deliveries
// of this event and beyond; it is left for the next page.
EventPage pageOf(const EventQuery& query, std::vector<FoundDelivery> found,
                 std::optional<EventSeq> cut);

// How one attempt ended that did not end well.
struct AttemptRecord {
  int attempt = 0;  // its number, from 1; 0 when it was never begun
  WallTime at{};
  End end = End::kFailed;
  std::string error;
};

struct DeliveryStory {
  DeliveryView view;
  std::vector<AttemptRecord> records;  // oldest first, the latest kAttemptRecordsMax
  std::vector<Step> steps;
};

// All that the inbox knows of one event. The envelope is empty once the body is gone, or when the
// body is no event.
struct EventStory {
  EventSeq seq = 0;
  std::string id;
  WallTime received_at{};
  std::string type, company_id, user_id, chat_id;
  AnswerState answer = AnswerState::kNone;
  std::optional<std::size_t> body_bytes;  // nullopt: gone
  std::vector<DeliveryStory> deliveries;  // open or dead, by target
};

// Fills the envelope from the stored body.
void readEnvelope(const std::string& body, EventStory& story);

// As they stand in the API, in logs and in metrics: "waiting", "not_configured", "intended".
std::string_view stateWord(DeliveryState state);
std::string_view endWord(End end);
std::string_view stepWord(StepState state);
std::string_view answerWord(AnswerState state);

}  // namespace modhost::host
