#include "host/modules/worker_protocol.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "host/base/log.h"
#include "host/modules/config_schema.h"
#include "host/modules/library.h"
#include "host/modules/module_limits.h"

namespace modhost::host {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the frames are written as memory has them");

class Writer {
 public:
  template <typename T>
  Writer& number(T value) {
    static_assert(std::is_arithmetic_v<T>);
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out_.append(bytes, sizeof(T));
    return *this;
  }
  Writer& text(std::string_view value) {
    MODHOST_ASSERT(value.size() <= std::numeric_limits<std::uint32_t>::max());
    number(static_cast<std::uint32_t>(value.size()));
    out_.append(value);
    return *this;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Reads values one after the other; once one does not fit, all that follow are empty and done() is
// false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T number() {
    static_assert(std::is_arithmetic_v<T>);
    T value{};
    if (rest_.size() < sizeof(T)) return fail<T>();
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    return value;
  }
  std::string text() {
    const auto size = number<std::uint32_t>();
    if (size > rest_.size()) return fail<std::string>();
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  // Everything was there, and nothing is left over.
  bool done() const { return !failed_ && rest_.empty(); }

 private:
  template <typename T>
  T fail() {
    failed_ = true;
    rest_ = {};
    return T{};
  }

  std::string_view rest_;
  bool failed_ = false;
};

bool typeValid(std::uint8_t type) {
  return type >= static_cast<std::uint8_t>(FrameType::kStart) &&
         type <= static_cast<std::uint8_t>(FrameType::kBye);
}

template <typename T>
std::optional<T> checked(const Reader& reader, T value, bool valid = true) {
  if (!reader.done() || !valid) return std::nullopt;
  return value;
}

// As the loader demands it of the descriptor: the worker's word for that is not taken.
bool textsFit(const ModuleDescription& about) {
  const auto fits = [](const std::string& text) { return text.size() <= kDescriptionBytesMax; };
  return fits(about.version) && fits(about.description) &&
         about.config_schema.size() <= kConfigSchemaBytesMax &&
         std::all_of(about.event_types.begin(), about.event_types.end(), fits);
}

}  // namespace

std::string encodeFrame(const Frame& frame) {
  const std::size_t size = frame.payload.size() + kFrameHeadBytes - sizeof(std::uint32_t);
  MODHOST_ASSERT(size <= std::numeric_limits<std::uint32_t>::max());
  Writer head;
  head.number(static_cast<std::uint32_t>(size))
      .number(static_cast<std::uint8_t>(frame.type))
      .number(frame.id);
  return head.take() + frame.payload;
}

void FrameDecoder::feed(std::string_view bytes) {
  if (broken_) return;
  if (used_ > 0 && used_ >= buffer_.size() / 2) {
    buffer_.erase(0, used_);
    used_ = 0;
  }
  buffer_.append(bytes);
}

Result<std::optional<Frame>> FrameDecoder::next() {
  const std::string_view rest = std::string_view(buffer_).substr(used_);
  if (!broken_ && rest.size() < sizeof(std::uint32_t)) return std::optional<Frame>();
  Reader head(rest.substr(0, kFrameHeadBytes));
  const auto size = head.number<std::uint32_t>();
  const std::size_t whole = sizeof(std::uint32_t) + size;
  if (broken_ || whole < kFrameHeadBytes || whole > frame_max_bytes_) {
    broken_ = true;
    return Error{ErrorKind::kInvalid, "a frame of " + std::to_string(whole) + " bytes"};
  }
  if (rest.size() < whole) return std::optional<Frame>();
  const auto type = head.number<std::uint8_t>();
  const auto id = head.number<std::uint64_t>();
  if (!typeValid(type)) {
    broken_ = true;
    return Error{ErrorKind::kInvalid, "a frame of unknown type " + std::to_string(type)};
  }
  used_ += whole;
  return std::optional<Frame>(
      Frame{static_cast<FrameType>(type), id,
            std::string(rest.substr(kFrameHeadBytes, whole - kFrameHeadBytes))});
}

std::string encode(const StartFrame& value) {
  return Writer()
      .number(value.version)
      .text(value.path)
      .text(value.source)
      .number(value.files_max)
      .number(value.frame_max_bytes)
      .number(value.memory_max_bytes)
      .take();
}

std::optional<StartFrame> decodeStart(std::string_view payload) {
  Reader in(payload);
  StartFrame value;
  value.version = in.number<std::uint32_t>();
  value.path = in.text();
  value.source = in.text();
  value.files_max = in.number<std::int32_t>();
  value.frame_max_bytes = in.number<std::uint64_t>();
  value.memory_max_bytes = in.number<std::uint64_t>();
  return checked(in, value);
}

std::string encode(const ConfigFrame& value) {
  return Writer().text(value.config_json).number(value.concurrency).take();
}

std::optional<ConfigFrame> decodeConfig(std::string_view payload) {
  Reader in(payload);
  ConfigFrame value;
  value.config_json = in.text();
  value.concurrency = in.number<std::int32_t>();
  return checked(in, value);
}

std::string encode(const EventFrame& value) {
  const Event& event = value.event;
  return Writer()
      .number(value.number)
      .number(value.deadline_ns)
      .text(event.id)
      .text(event.type)
      .text(event.user_id)
      .text(event.company_id)
      .text(event.chat_id)
      .text(event.assistant_message_id)
      .text(event.body)
      .number(static_cast<std::int64_t>(event.received_at.time_since_epoch().count()))
      .take();
}

std::optional<EventFrame> decodeEvent(std::string_view payload) {
  Reader in(payload);
  EventFrame value;
  value.number = in.number<std::int32_t>();
  value.deadline_ns = in.number<std::int64_t>();
  value.event.id = in.text();
  value.event.type = in.text();
  value.event.user_id = in.text();
  value.event.company_id = in.text();
  value.event.chat_id = in.text();
  value.event.assistant_message_id = in.text();
  value.event.body = in.text();
  value.event.received_at = WallTime(Milliseconds(in.number<std::int64_t>()));
  return checked(in, value);
}

std::string encode(const ModuleReply& value) {
  return Writer()
      .number(static_cast<std::int32_t>(value.error))
      .number(static_cast<std::int32_t>(value.status))
      .text(value.body)
      .text(value.error_text)
      .take();
}

std::optional<ModuleReply> decodeReply(std::string_view payload) {
  Reader in(payload);
  ModuleReply value;
  const auto error = in.number<std::int32_t>();
  value.error = static_cast<ModuleReply::Error>(error);
  value.status = in.number<std::int32_t>();
  value.body = in.text();
  value.error_text = in.text();
  return checked(in, value,
                 error >= 0 && error <= static_cast<int>(ModuleReply::Error::kUnavailable));
}

std::string encode(const HelloFrame& value) {
  const ModuleDescription& about = value.description;
  Writer out;
  out.number(value.version)
      .text(about.id)
      .text(about.version)
      .text(about.description)
      .text(about.config_schema)
      .number(static_cast<std::uint32_t>(about.event_types.size()));
  for (const std::string& type : about.event_types) out.text(type);
  return out.number(static_cast<std::int32_t>(about.concurrency_max))
      .number(static_cast<std::int64_t>(about.timeout_default.count()))
      .number(static_cast<std::uint8_t>(about.worker_allowed))
      .number(static_cast<std::uint8_t>(about.in_process_allowed))
      .number(static_cast<std::int32_t>(about.abi_major))
      .number(static_cast<std::int32_t>(about.abi_min_minor))
      .take();
}

std::optional<HelloFrame> decodeHello(std::string_view payload) {
  Reader in(payload);
  HelloFrame value;
  ModuleDescription& about = value.description;
  value.version = in.number<std::uint32_t>();
  about.id = in.text();
  about.version = in.text();
  about.description = in.text();
  about.config_schema = in.text();
  const auto types = in.number<std::uint32_t>();
  if (types > kEventTypesMax) return std::nullopt;
  for (std::uint32_t i = 0; i < types; ++i) about.event_types.push_back(in.text());
  about.concurrency_max = in.number<std::int32_t>();
  about.timeout_default = Milliseconds(in.number<std::int64_t>());
  about.worker_allowed = in.number<std::uint8_t>() != 0;
  about.in_process_allowed = in.number<std::uint8_t>() != 0;
  about.abi_major = in.number<std::int32_t>();
  about.abi_min_minor = in.number<std::int32_t>();
  return checked(in, value,
                 moduleIdValid(about.id) && textsFit(about) && about.concurrency_max >= 1 &&
                     about.concurrency_max <= kConcurrencyMax &&
                     about.timeout_default.count() >= 0 &&
                     about.timeout_default.count() <= std::numeric_limits<std::uint32_t>::max());
}

std::string encode(const AttemptEnd& value) {
  return Writer()
      .number(static_cast<std::int32_t>(value.kind))
      .number(static_cast<std::int64_t>(value.retry_after.count()))
      .text(value.text)
      .take();
}

std::optional<AttemptEnd> decodeResult(std::string_view payload) {
  Reader in(payload);
  AttemptEnd value;
  const auto kind = in.number<std::int32_t>();
  value.kind = static_cast<AttemptEnd::Kind>(kind);
  const auto retry_after_ms = in.number<std::int64_t>();
  value.retry_after = Milliseconds(retry_after_ms);
  value.text = in.text();
  return checked(in, value,
                 kind >= static_cast<int>(AttemptEnd::Kind::kOk) &&
                     kind <= static_cast<int>(AttemptEnd::Kind::kFailed) && retry_after_ms >= 0 &&
                     retry_after_ms <= kRetryAfterMsMax);
}

std::string encode(const CallFrame& value) {
  return Writer()
      .number(value.token)
      .text(value.call.method)
      .text(value.call.path)
      .text(value.call.body)
      .take();
}

std::optional<CallFrame> decodeCall(std::string_view payload) {
  Reader in(payload);
  CallFrame value;
  value.token = in.number<std::uint64_t>();
  value.call.method = in.text();
  value.call.path = in.text();
  value.call.body = in.text();
  return checked(in, value);
}

std::string encode(const LogFrame& value) {
  return Writer().number(value.level).text(value.message).text(value.fields).take();
}

std::optional<LogFrame> decodeLog(std::string_view payload) {
  Reader in(payload);
  LogFrame value;
  value.level = in.number<std::int32_t>();
  value.message = in.text();
  value.fields = in.text();
  return checked(in, value,
                 value.level >= static_cast<int>(LogLevel::kDebug) &&
                     value.level <= static_cast<int>(LogLevel::kError));
}

std::string encode(const MetricFrame& value) {
  return Writer().number(value.kind).text(value.name).number(value.value).take();
}

std::optional<MetricFrame> decodeMetric(std::string_view payload) {
  Reader in(payload);
  MetricFrame value;
  value.kind = in.number<std::int32_t>();
  value.name = in.text();
  value.value = in.number<double>();
  return checked(in, value);
}

std::string encodeGrace(Milliseconds grace) {
  return Writer().number(static_cast<std::int64_t>(grace.count())).take();
}

std::optional<Milliseconds> decodeGrace(std::string_view payload) {
  Reader in(payload);
  const Milliseconds value(in.number<std::int64_t>());
  return checked(in, value, value.count() >= 0);
}

}  // namespace modhost::host
