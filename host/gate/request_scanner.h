// RequestScanner: finds the end of one HTTP/1 request in the bytes of a connection, and refuses
// what is too large or ambiguous before anybody waits for it. Pure: no I/O, no clock, so a fuzzer
// can drive it alone.
//
// It frames, it does not interpret: Poco parses the same bytes again. Everything two parsers might
// read in two ways (bare line feeds, folded lines, two lengths, a length with a transfer coding) is
// refused here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace modhost::host {

struct RequestLimits {
  std::size_t head_bytes_max = 16 * 1024;        // request line and fields together
  std::size_t body_bytes_max = 8 * 1024 * 1024;  // of the decoded body
};

// Poco's own limits, so that what passes here is not refused there with an answer of its own
// wording.
inline constexpr std::size_t kMethodBytesMax = 32;
inline constexpr std::size_t kFieldsMax = 100;
inline constexpr std::size_t kFieldNameBytesMax = 256;
inline constexpr std::size_t kFieldValueBytesMax = 8192;

enum class Scan {
  kMore = 1,      // the request is not whole yet
  kWhole,         // requestBytes() of the buffer are one request
  kMalformed,     // can never become a request
  kHeadTooLarge,  // the head passes head_bytes_max or one of the limits above
  kBodyTooLarge,  // the body is announced, or has become, larger than body_bytes_max
};

// Threads: one at a time.
class RequestScanner {
 public:
  explicit RequestScanner(const RequestLimits& limits) : limits_(limits) {}

  // `bytes` is everything received since the request's first byte: what an earlier call saw, and
  // more. Each byte is looked at once, however small the pieces. After anything but kMore, call
  // restart().
  Scan scan(std::string_view bytes);

  // After kWhole: where the next request begins.
  std::size_t requestBytes() const { return position_; }

  // True once the head is read and asks for `100 Continue` before it sends its body.
  bool expectsContinue() const { return expects_continue_; }

  // Forgets everything: the next scan() is given the bytes of another request.
  void restart() { *this = RequestScanner(limits_); }

 private:
  enum class Stage { kHead, kSizedBody, kChunkSize, kChunkData, kTrailer };

  Scan scanHead(std::string_view bytes);
  Scan readHead(std::string_view head);
  Scan readField(std::string_view line);
  Scan readLength(std::string_view value);
  Scan beginBody();
  Scan scanSizedBody(std::string_view bytes);
  Scan scanChunkSize(std::string_view bytes);
  Scan scanChunkData(std::string_view bytes);
  Scan scanTrailer(std::string_view bytes);
  Scan nextLine(std::string_view bytes, std::string_view& line);

  RequestLimits limits_;
  Stage stage_ = Stage::kHead;
  std::size_t position_ = 0;   // everything before it is understood
  std::size_t looked_at_ = 0;  // from position_ on, no line end was found before here
  std::size_t wanted_ = 0;     // body or chunk bytes still to come, with the chunk's line end
  std::size_t body_ = 0;       // decoded bytes announced so far
  std::size_t framing_ = 0;    // bytes that chunk lines and trailers have cost
  int lengths_ = 0, codings_ = 0;
  bool http_1_0_ = false, expects_continue_ = false;
};

}  // namespace modhost::host
