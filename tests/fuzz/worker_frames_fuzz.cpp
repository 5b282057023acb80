// What a worker writes to its channel, and what a host would write to a worker's: a byte that says
// how it is cut into pieces, then the stream. Each frame goes through every payload decoder, and
// what a hostile worker may send through the checks that the host puts behind them.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/base/assert.h"
#include "host/base/json_depth.h"
#include "host/modules/module_limits.h"
#include "host/modules/worker_protocol.h"
#include "tests/fuzz/fuzz_input.h"

namespace modhost::host {
namespace {

constexpr std::size_t kFrameMax = 1024;

struct Stream {
  std::vector<Frame> frames;
  bool broken = false;
};

// The frames that are whole by now; they join `stream`.
void takeFrames(FrameDecoder& decoder, Stream& stream) {
  for (;;) {
    Result<std::optional<Frame>> next = decoder.next();
    stream.broken = !next.ok();
    if (stream.broken || !next.value()) return;
    MODHOST_ASSERT(next.value()->payload.size() + kFrameHeadBytes <= kFrameMax);
    stream.frames.push_back(std::move(*next.value()));
  }
}

Stream decodeAtOnce(std::string_view bytes) {
  FrameDecoder decoder(kFrameMax);
  Stream stream;
  decoder.feed(bytes);
  takeFrames(decoder, stream);
  return stream;
}

Stream decodeInPieces(FuzzInput input, std::uint8_t seed) {
  FrameDecoder decoder(kFrameMax);
  Stream stream;
  std::uint32_t salt = seed;
  while (!input.rest().empty()) {
    const bool was_broken = stream.broken;
    decoder.feed(input.piece(salt));
    takeFrames(decoder, stream);
    MODHOST_ASSERT(!was_broken || stream.broken);
  }
  return stream;
}

std::string encodeAll(const std::vector<Frame>& frames) {
  std::string bytes;
  for (const Frame& frame : frames) bytes += encodeFrame(frame);
  return bytes;
}

std::string encode(Milliseconds grace) { return encodeGrace(grace); }

// What can be decoded is exactly what would be encoded; but for HELLO, whose flags may be any byte
// other than 0.
template <typename T>
void checkRoundTrip(std::string_view payload, std::optional<T> (*decode)(std::string_view)) {
  const std::optional<T> value = decode(payload);
  if (!value) return;
  const std::string encoded = encode(*value);
  MODHOST_ASSERT(encoded.size() == payload.size());
  MODHOST_ASSERT(encoded == payload || (std::is_same_v<T, HelloFrame>));
  const std::optional<T> again = decode(encoded);
  MODHOST_ASSERT(again && encode(*again) == encoded);
}

void checkPayload(std::string_view payload) {
  checkRoundTrip(payload, decodeStart);
  checkRoundTrip(payload, decodeConfig);
  checkRoundTrip(payload, decodeEvent);
  checkRoundTrip(payload, decodeReply);
  checkRoundTrip(payload, decodeHello);
  checkRoundTrip(payload, decodeResult);
  checkRoundTrip(payload, decodeCall);
  checkRoundTrip(payload, decodeLog);
  checkRoundTrip(payload, decodeMetric);
  checkRoundTrip(payload, decodeGrace);
}

// What is let through to the platform cannot leave the API's folder or forge a request.
void checkCall(const ModuleCall& call) {
  if (!callRefusal(call).empty()) return;
  const std::string path = call.path.substr(0, call.path.find('?')) + "/";
  MODHOST_ASSERT(path.front() == '/' && path.find("/../") == std::string::npos);
  MODHOST_ASSERT(path.find("/%2e%2E/") == std::string::npos);
  for (const char c : call.method + call.path) MODHOST_ASSERT(c > 0x20 && c < 0x7f);
  MODHOST_ASSERT(jsonDepthWithin(call.body));
}

void checkLine(const LogFrame& line) {
  const std::string message = bounded(line.message, 64);
  MODHOST_ASSERT(message.size() <= 64 + sizeof " (cut, 1024 bytes)");
  const std::string fields = checkedLogFields(line.fields);
  MODHOST_ASSERT(fields.empty() == line.fields.empty());
  if (!fields.empty() && fields.front() == '{') {
    MODHOST_ASSERT(nlohmann::json::parse(fields).is_object() && fields == line.fields);
  }
}

void checkAsHost(const Frame& frame) {
  if (frame.type == FrameType::kCall) {
    if (const auto call = decodeCall(frame.payload)) checkCall(call->call);
  } else if (frame.type == FrameType::kLog) {
    if (const auto line = decodeLog(frame.payload)) checkLine(*line);
  } else if (frame.type == FrameType::kHello) {
    const auto hello = decodeHello(frame.payload);
    MODHOST_ASSERT(!hello || hello->description.concurrency_max >= 1);
  }
}

}  // namespace
}  // namespace modhost::host

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace modhost::host;
  FuzzInput input(data, size);
  const std::uint8_t seed = input.byte();
  const std::string_view bytes = input.rest();
  const Stream at_once = decodeAtOnce(bytes);
  const Stream in_pieces = decodeInPieces(input, seed);
  const std::string encoded = encodeAll(at_once.frames);
  MODHOST_ASSERT(encoded == bytes.substr(0, encoded.size()));
  MODHOST_ASSERT(encodeAll(in_pieces.frames) == encoded && in_pieces.broken == at_once.broken);
  checkPayload(bytes);  // a payload alone is found sooner than one behind a true head
  for (const Frame& frame : at_once.frames) {
    checkPayload(frame.payload);
    checkAsHost(frame);
  }
  return 0;
}
