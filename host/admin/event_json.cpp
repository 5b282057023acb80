#include "host/admin/event_json.h"

#include <nlohmann/json.hpp>

#include "host/base/time_text.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;

// Members that say nothing in a state are left out of it.
Json deliveryJson(const DeliveryView& delivery) {
  Json json = {{"module", delivery.target},
               {"state", stateWord(delivery.state)},
               {"attempts", delivery.attempts},
               {"interruptions", delivery.interruptions}};
  if (delivery.end) json["end"] = endWord(*delivery.end);
  if (delivery.due != WallTime{}) json["due_at"] = isoTime(delivery.due);
  if (delivery.state == DeliveryState::kDead) {
    json["why"] = delivery.why;
    json["died_at"] = isoTime(delivery.died_at);
  }
  return json;
}

Json recordJson(const AttemptRecord& record) {
  return {{"attempt", record.attempt},
          {"at", isoTime(record.at)},
          {"end", endWord(record.end)},
          {"error", record.error}};
}

Json stepJson(const Step& step) {
  return {{"message_id", step.key.message_id},
          {"order", step.key.order},
          {"nth", step.key.nth},
          {"state", stepWord(step.state)},
          {"log_id", step.log_id},
          {"ambiguous_creates", step.ambiguous}};
}

Json deliveryStoryJson(const DeliveryStory& delivery) {
  Json json = deliveryJson(delivery.view);
  json["records"] = Json::array();
  for (const AttemptRecord& record : delivery.records)
    json["records"].push_back(recordJson(record));
  json["steps"] = Json::array();
  for (const Step& step : delivery.steps) json["steps"].push_back(stepJson(step));
  return json;
}

Json eventJson(const EventView& event) {
  Json json = {{"seq", event.seq}, {"id", event.id}, {"received_at", isoTime(event.received_at)}};
  json["deliveries"] = Json::array();
  for (const DeliveryView& delivery : event.deliveries)
    json["deliveries"].push_back(deliveryJson(delivery));
  return json;
}

}  // namespace

Json pageJson(const EventPage& page, WallTime now) {
  Json json = {{"now", isoTime(now)}, {"events", Json::array()}};
  for (const EventView& event : page.events) json["events"].push_back(eventJson(event));
  if (page.next != 0) json["next"] = std::to_string(page.next);
  return json;
}

Json storyJson(const EventStory& story, WallTime now) {
  Json json = {{"now", isoTime(now)},
               {"seq", story.seq},
               {"id", story.id},
               {"received_at", isoTime(story.received_at)},
               {"answer", answerWord(story.answer)},
               {"body_bytes", nullptr},
               {"deliveries", Json::array()}};
  if (story.body_bytes) json["body_bytes"] = *story.body_bytes;
  if (!story.type.empty()) {
    json["type"] = story.type;
    json["company_id"] = story.company_id;
    json["user_id"] = story.user_id;
    json["chat_id"] = story.chat_id;
  }
  for (const DeliveryStory& delivery : story.deliveries)
    json["deliveries"].push_back(deliveryStoryJson(delivery));
  return json;
}

}  // namespace modhost::host
