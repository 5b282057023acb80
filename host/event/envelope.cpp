#include "host/event/envelope.h"

#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "host/base/json_depth.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;

std::optional<std::int64_t> fitting(std::uint64_t number) {
  const bool fits = number <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  return fits ? std::optional(static_cast<std::int64_t>(number)) : std::nullopt;
}

std::optional<std::int64_t> fromDigits(const std::string& text) {
  if (text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(seconds) : std::nullopt;
}

// Hears of each value in its turn. A key says where the value behind it goes: `slot_` for a text,
// `is_created_at_`, or `child_` for what an object behind it is.
class EnvelopeReader final : public nlohmann::json_sax<Json> {
 public:
  Envelope envelope;
  const char* why = "not an object";  // when the pass was ended

  bool key(string_t& name) override {
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

  bool string(string_t& text) override {
    if (is_created_at_) envelope.created_at = fromDigits(text);
    if (slot_ != nullptr) *slot_ = std::move(text);
    return isInside();
  }
  bool number_integer(number_integer_t number) override { return created(number); }
  bool number_unsigned(number_unsigned_t number) override { return created(fitting(number)); }
  bool number_float(number_float_t, const string_t&) override { return created(std::nullopt); }
  bool boolean(bool) override { return created(std::nullopt); }
  bool null() override { return created(std::nullopt); }
  bool binary(binary_t&) override { return created(std::nullopt); }

  bool start_object(std::size_t) override { return enter(isInside() ? child_ : Place::kTop); }
  bool start_array(std::size_t) override { return isInside() && enter(Place::kElsewhere); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }

  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    const bool encoding = std::string_view(error.what()).find("UTF-8") != std::string_view::npos;
    why = encoding ? "not UTF-8" : "not JSON";
    return false;
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

  void keyOfTop(const string_t& name) {
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

  void keyOfPayload(const string_t& name) {
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

  bool leave() {
    --depth_;
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
  // The library takes a NUL byte for the end of the text, whatever follows it.
  if (body.find('\0') != std::string_view::npos) return Error{ErrorKind::kInvalid, "not JSON"};
  EnvelopeReader reader;
  if (!Json::sax_parse(body, &reader)) return Error{ErrorKind::kInvalid, reader.why};
  return std::move(reader.envelope);
}

}  // namespace modhost::host
