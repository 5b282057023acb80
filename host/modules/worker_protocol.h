// What host and worker process say to each other: frames over a SOCK_STREAM socketpair on one
// machine, both ends from the same build. Still, each side treats every byte of the other as
// hostile.
//
//   frame   = u32 size of the rest | u8 type | u64 id | payload        (little-endian, unaligned)
//   string  = u32 size | bytes
//
//   host → worker                                id             payload
//     START   load this file                     0              version, path, source, files_max,
//                                                                 frame_max, memory_max
//     CONFIG  make and start the instance        0              config, concurrency
//     EVENT   run an attempt                     attempt token  the attempt and its event
//     CANCEL  it is no longer wanted             attempt token  -
//     REPLY   end of a CALL                      call id        error, status, body, error text
//     DRAIN   cancel all, stop, say BYE, exit    0              grace
//   worker → host
//     HELLO   loaded; what it is                 0              version, description
//     REFUSED cannot load or start               0              why
//     READY   EVENTs may come                    0              -
//     RESULT  the attempt ended                  attempt token  kind, retry_after, text
//     CALL    a platform call                    call id        attempt token, method, path, body
//     LOG     a line                             0              level, event id, message, fields
//     METRIC  a value                            0              kind, name, value
//     BYE     the module is stopped              0              -
//
// A fatal signal is told on a pipe of its own (FaultNote), where a write from a signal handler
// cannot fall into the middle of another thread's frame.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "host/base/result.h"
#include "host/modules/module_runner.h"

namespace modhost::host {

inline constexpr std::uint32_t kWorkerProtocolVersion = 2;
inline constexpr std::size_t kFrameBytesDefault = 16u << 20;
inline constexpr std::size_t kFrameBytesMax = 1u << 30;  // of what may be configured
// File descriptors in the worker.
inline constexpr int kWorkerChannelFd = 3;
inline constexpr int kWorkerFaultFd = 4;

enum class FrameType : std::uint8_t {
  kStart = 1,
  kConfig,
  kEvent,
  kCancel,
  kReply,
  kDrain,
  kHello,
  kRefused,
  kReady,
  kResult,
  kCall,
  kLog,
  kMetric,
  kBye
};

struct Frame {
  FrameType type{};
  std::uint64_t id = 0;
  std::string payload;
};

// The bytes of one frame. Asserts that it fits 32 bits; the caller keeps it within the other side's
// maximum.
std::string encodeFrame(const Frame& frame);
// How many bytes encodeFrame() adds to the payload.
inline constexpr std::size_t kFrameHeadBytes = 13;

// Cuts a byte stream into frames. Pure: no I/O. It never holds more than one maximal frame and what
// was fed behind it, and allocates only for bytes that have arrived.
class FrameDecoder {
 public:
  explicit FrameDecoder(std::size_t frame_max_bytes) : frame_max_bytes_(frame_max_bytes) {}

  void feed(std::string_view bytes);
  // The next whole frame; nullopt: more bytes are needed. kInvalid: the stream is broken (a size
  // out of bounds, an unknown type), and stays so.
  Result<std::optional<Frame>> next();

 private:
  const std::size_t frame_max_bytes_;
  std::string buffer_;
  std::size_t used_ = 0;  // bytes of buffer_ that were taken already
  bool broken_ = false;
};

// ---- payloads; decoding gives nullopt for anything but exactly one well-formed value ----

struct StartFrame {
  std::uint32_t version = kWorkerProtocolVersion;
  std::string path;    // of the copy
  std::string source;  // what messages name
  std::int32_t files_max = 0;
  std::uint64_t frame_max_bytes = 0;
  std::uint64_t memory_max_bytes = 0;  // address space; 0: no limit
};
struct ConfigFrame {
  std::string config_json;
  std::int32_t concurrency = 0;
};
struct EventFrame {
  std::int32_t number = 0;
  std::int64_t deadline_ns = 0;  // CLOCK_MONOTONIC
  Event event;
};
struct HelloFrame {
  std::uint32_t version = kWorkerProtocolVersion;
  ModuleDescription description;
};
struct CallFrame {
  AttemptToken token = 0;
  ModuleCall call;
};
struct LogFrame {
  std::int32_t level = 0;
  std::string message, fields;  // of the attempt that is the frame's id; 0: of none
};
struct MetricFrame {
  std::int32_t kind = 0;
  std::string name;
  double value = 0;
};

std::string encode(const StartFrame& value);
std::string encode(const ConfigFrame& value);
std::string encode(const EventFrame& value);
std::string encode(const ModuleReply& value);
std::string encode(const HelloFrame& value);
std::string encode(const AttemptEnd& value);  // kOk … kFailed only
std::string encode(const CallFrame& value);
std::string encode(const LogFrame& value);
std::string encode(const MetricFrame& value);
std::string encodeGrace(Milliseconds grace);

std::optional<StartFrame> decodeStart(std::string_view payload);
std::optional<ConfigFrame> decodeConfig(std::string_view payload);
std::optional<EventFrame> decodeEvent(std::string_view payload);
std::optional<ModuleReply> decodeReply(std::string_view payload);
std::optional<HelloFrame> decodeHello(std::string_view payload);
std::optional<AttemptEnd> decodeResult(std::string_view payload);
std::optional<CallFrame> decodeCall(std::string_view payload);
std::optional<LogFrame> decodeLog(std::string_view payload);
std::optional<MetricFrame> decodeMetric(std::string_view payload);
std::optional<Milliseconds> decodeGrace(std::string_view payload);

// Written whole by a signal handler, so smaller than PIPE_BUF.
struct FaultNote {
  AttemptToken token;  // 0: the thread was in no handle()
  std::int64_t signal;
};
static_assert(sizeof(FaultNote) == 16);

}  // namespace modhost::host
