#include "host/inbox/event_query.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "host/base/assert.h"

namespace modhost::host {

DeliveryView viewOf(const Target& target, const DeliveryLife& life) {
  DeliveryView view;
  view.target = target;
  view.state = life.state;
  view.attempts = life.attempts;
  view.interruptions = life.interruptions;
  view.end = life.end;
  if (life.state == DeliveryState::kWaiting) view.due = life.due;
  return view;
}

bool matches(const EventQuery& query, const DeliveryView& delivery, WallTime received_at) {
  return (!query.state || delivery.state == *query.state) &&
         (!query.end || delivery.end == query.end) &&
         (query.target.empty() || delivery.target == query.target) &&
         (!query.received_from || received_at >= *query.received_from) &&
         (!query.received_until || received_at < *query.received_until);
}

EventPage pageOf(const EventQuery& query, std::vector<FoundDelivery> found,
                 std::optional<EventSeq> cut) {
  const EventSeq direction = query.oldest_first ? 1 : -1;
  std::sort(found.begin(), found.end(), [&](const FoundDelivery& a, const FoundDelivery& b) {
    const EventSeq a_at = a.seq * direction;
    const EventSeq b_at = b.seq * direction;
    return std::tie(a_at, a.delivery.target) < std::tie(b_at, b.delivery.target);
  });
  EventPage page;
  for (FoundDelivery& one : found) {
    if (cut && one.seq * direction >= *cut * direction) break;
    if (page.events.empty() || page.events.back().seq != one.seq) {
      if (page.events.size() == query.max) {
        page.next = page.events.back().seq;
        return page;
      }
      page.events.push_back({one.seq, std::move(one.event_id), one.received_at, {}});
    }
    page.events.back().deliveries.push_back(std::move(one.delivery));
  }
  if (cut) page.next = *cut - direction;
  return page;
}

void readEnvelope(const std::string& body, EventStory& story) {
  story.body_bytes = body.size();
  const Result<ParsedEvent> parsed = parseEvent(body, story.received_at);
  if (!parsed) return;
  const Event& event = *parsed.value().event;
  story.type = event.type;
  story.company_id = event.company_id;
  story.user_id = event.user_id;
  story.chat_id = event.chat_id;
}

std::string deliveryName(const DeliveryKey& key) {
  return std::to_string(key.seq) + "/" + key.target;
}

LogFields aboutDelivery(const Event& event, const DeliveryKey& key) {
  return {{"event", event.id},
          {"module", key.target},
          {"delivery", deliveryName(key)},
          {"trace_id", traceOf(event).trace_id}};
}

std::string_view stateWord(DeliveryState state) {
  switch (state) {
    case DeliveryState::kWaiting:
      return "waiting";
    case DeliveryState::kRunning:
      return "running";
    case DeliveryState::kClosing:
      return "closing";
    case DeliveryState::kDone:
      return "done";
    case DeliveryState::kDead:
      return "dead";
    case DeliveryState::kDropped:
      return "dropped";
  }
  MODHOST_UNREACHABLE();
}

std::string_view endWord(End end) {
  switch (end) {
    case End::kOk:
      return "ok";
    case End::kSkipped:
      return "skipped";
    case End::kRejected:
      return "rejected";
    case End::kFailed:
      return "failed";
    case End::kOverran:
      return "overran";
    case End::kInterrupted:
      return "interrupted";
    case End::kNotConfigured:
      return "not_configured";
    case End::kExpired:
      return "expired";
    case End::kStopped:
      return "stopped";
  }
  MODHOST_UNREACHABLE();
}

std::string_view stepWord(StepState state) {
  switch (state) {
    case StepState::kIntended:
      return "intended";
    case StepState::kOpen:
      return "open";
    case StepState::kCompleted:
      return "completed";
    case StepState::kFailed:
      return "failed";
  }
  MODHOST_UNREACHABLE();
}

std::string_view answerWord(AnswerState state) {
  switch (state) {
    case AnswerState::kNone:
      return "none";
    case AnswerState::kIntended:
      return "intended";
    case AnswerState::kWritten:
      return "written";
    case AnswerState::kApologised:
      return "apologised";
  }
  MODHOST_UNREACHABLE();
}

}  // namespace modhost::host
