#include "host/event/envelope.h"

#include <array>
#include <charconv>
#include <utility>

#include "host/base/json_depth.h"
#include "host/event/json_walk.h"

namespace modhost::host {
namespace {

std::optional<std::int64_t> fromDigits(std::string_view text) {
  if (text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(seconds) : std::nullopt;
}

// Hears of each value in its turn. A key says where the value behind it goes: `slot_` for a text,
// `is_created_at_`, or `child_` for what an object behind it is.
class EnvelopeReader final : public JsonListener {
 public:
  Envelope envelope;
  const char* why = "not an object";  // when the walk was ended

  bool key(std::string_view name) override {
    forgetKey();
    switch (places_[depth_ - 1]) {
      case Place::kTop:
        keyOfTop(name);
        break;
      case Place::kPayload:
        keyOfPayload(name);
        break;
      case Place::kMessage:
        if (name == "id") slot_ = &envelope.payload.assistant_message_id;
        break;
      case Place::kElsewhere:
        break;
    }
    return true;
  }

  bool string(std::string_view text) override {
    if (is_created_at_) envelope.created_at = fromDigits(text);
    if (slot_ != nullptr) slot_->emplace(text);
    return isInside();
  }
  bool number(std::optional<std::int64_t> integer) override { return created(integer); }
  bool literal() override { return created(std::nullopt); }

  bool openObject() override { return enter(isInside() ? child_ : Place::kTop); }
  bool openArray() override { return isInside() && enter(Place::kElsewhere); }
  bool close() override {
    --depth_;
    forgetKey();
    return true;
  }

 private:
  enum class Place { kElsewhere = 1, kTop, kPayload, kMessage };

  void forgetKey() {
    slot_ = nullptr;
    is_created_at_ = false;
    child_ = Place::kElsewhere;
  }

  // Whatever an earlier member of that name said no longer counts.
  void take(Envelope::Text& slot) {
    slot.reset();
    slot_ = &slot;
  }

  void keyOfTop(std::string_view name) {
    if (name == "event") take(envelope.event);
    if (name == "userId") take(envelope.user_id);
    if (name == "companyId") take(envelope.company_id);
    if (name == "id") take(envelope.id);
    if (name == "createdAt") {
      envelope.created_at.reset();
      is_created_at_ = true;
    }
    if (name == "payload") {
      envelope.payload = {};
      child_ = Place::kPayload;
    }
  }

  void keyOfPayload(std::string_view name) {
    Envelope::Payload& payload = envelope.payload;
    if (name == "chatId") take(payload.chat_id);
    if (name == "chatid") take(payload.chatid);
    if (name == "chat_id") take(payload.chat_id_snake);
    if (name == "assistantMessage") {
      payload.assistant_message_id.reset();
      child_ = Place::kMessage;
    }
  }

  // False for a value that is the whole document.
  bool isInside() const { return depth_ > 0; }

  bool created(std::optional<std::int64_t> number) {
    if (is_created_at_) envelope.created_at = number;
    return isInside();
  }

  bool enter(Place place) {
    if (depth_ == places_.size()) {
      why = "nested too deep";
      return false;
    }
    places_[depth_++] = place;
    forgetKey();
    return true;
  }

  std::array<Place, kJsonDepthMax> places_{};  // of the open objects and arrays, the innermost last
  std::size_t depth_ = 0;                      // how many are open
  Envelope::Text* slot_ = nullptr;
  bool is_created_at_ = false;
  Place child_ = Place::kElsewhere;
};

}  // namespace

Result<Envelope> readEnvelope(std::string_view body) {
  EnvelopeReader reader;
  switch (JsonWalk(body, reader).run()) {
    case JsonFault::kNone:
      return std::move(reader.envelope);
    case JsonFault::kEnded:
      return Error{ErrorKind::kInvalid, reader.why};
    case JsonFault::kNotUtf8:
      return Error{ErrorKind::kInvalid, "not UTF-8"};
    case JsonFault::kNotJson:
      break;
  }
  return Error{ErrorKind::kInvalid, "not JSON"};
}

}  // namespace modhost::host
