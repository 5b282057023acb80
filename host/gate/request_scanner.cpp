#include "host/gate/request_scanner.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <utility>

// One pass, in stages: head → (sized body | chunk size → chunk data → … → trailer) → whole.
// `position_` only moves forward; a stage that lacks bytes answers kMore and is entered again with
// a longer buffer.

namespace modhost::host {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kChunkLineBytesMax = 256;  // a size and its extensions

bool isTokenChar(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kMarks.find(c) != std::string_view::npos;
}

bool isToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), isTokenChar);
}

// Field values may hold spaces, tabs and bytes above ASCII, but nothing that ends a line or a C
// string.
bool isValueChar(char c) {
  return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

bool isTargetChar(char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; }

bool equalsIgnoringCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Digits of `base` and nothing else. False also for a number too large for this machine.
bool readNumber(std::string_view text, int base, std::size_t& number) {
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number, base);
  return error == std::errc() && end == last;
}

bool allDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "POST /webhook HTTP/1.1": exactly one space between exactly three parts.
bool readRequestLine(std::string_view line, bool& http_1_0) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return false;
  const auto target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  http_1_0 = version == "HTTP/1.0";
  return first <= kMethodBytesMax && isToken(line.substr(0, first)) && !target.empty() &&
         std::all_of(target.begin(), target.end(), isTargetChar) &&
         (http_1_0 || version == "HTTP/1.1");
}

}  // namespace

Scan RequestScanner::scan(std::string_view bytes) {
  for (;;) {
    const Stage before = stage_;
    const std::size_t from = position_;
    Scan found = Scan::kMore;
    switch (stage_) {
      case Stage::kHead:
        found = scanHead(bytes);
        break;
      case Stage::kSizedBody:
        found = scanSizedBody(bytes);
        break;
      case Stage::kChunkSize:
        found = scanChunkSize(bytes);
        break;
      case Stage::kChunkData:
        found = scanChunkData(bytes);
        break;
      case Stage::kTrailer:
        found = scanTrailer(bytes);
        break;
    }
    const bool moved = stage_ != before || position_ != from;
    if (found != Scan::kMore || !moved) return found;
  }
}

Scan RequestScanner::scanHead(std::string_view bytes) {
  constexpr std::string_view kHeadEnd = "\r\n\r\n";
  const auto end = bytes.find(kHeadEnd, looked_at_);
  const std::size_t head = end == std::string_view::npos ? bytes.size() : end + kHeadEnd.size();
  if (head > limits_.head_bytes_max) return Scan::kHeadTooLarge;
  if (end == std::string_view::npos) {
    // The end may be cut anywhere within its four bytes.
    looked_at_ = bytes.size() - std::min(bytes.size(), kHeadEnd.size() - 1);
    return Scan::kMore;
  }
  position_ = looked_at_ = head;
  if (const Scan read = readHead(bytes.substr(0, end)); read != Scan::kMore) return read;
  return beginBody();
}

Scan RequestScanner::readHead(std::string_view head) {
  auto end = std::min(head.find(kLineEnd), head.size());
  if (!readRequestLine(head.substr(0, end), http_1_0_)) return Scan::kMalformed;
  std::size_t fields = 0;
  while (end < head.size()) {
    head.remove_prefix(end + kLineEnd.size());
    end = std::min(head.find(kLineEnd), head.size());
    if (++fields > kFieldsMax) return Scan::kHeadTooLarge;
    if (const Scan read = readField(head.substr(0, end)); read != Scan::kMore) return read;
  }
  return Scan::kMore;
}

// A folded line begins with a space and so fails as a name; so does a space before the colon.
Scan RequestScanner::readField(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !isToken(line.substr(0, colon))) return Scan::kMalformed;
  const auto name = line.substr(0, colon);
  const auto value = trimmed(line.substr(colon + 1));
  if (!std::all_of(value.begin(), value.end(), isValueChar)) return Scan::kMalformed;
  if (name.size() > kFieldNameBytesMax || value.size() > kFieldValueBytesMax) {
    return Scan::kHeadTooLarge;
  }
  if (equalsIgnoringCase(name, "content-length")) return readLength(value);
  if (equalsIgnoringCase(name, "transfer-encoding")) {
    ++codings_;
    if (!equalsIgnoringCase(value, "chunked")) return Scan::kMalformed;
  }
  if (equalsIgnoringCase(name, "expect")) {
    expects_continue_ = equalsIgnoringCase(value, "100-continue");
    if (!expects_continue_) return Scan::kMalformed;
  }
  return Scan::kMore;
}

Scan RequestScanner::readLength(std::string_view value) {
  if (++lengths_ > 1 || !allDigits(value)) return Scan::kMalformed;
  // Digits that do not fit are a number all the same, and a large one.
  if (!readNumber(value, 10, wanted_)) return Scan::kBodyTooLarge;
  return Scan::kMore;
}

Scan RequestScanner::beginBody() {
  if (codings_ > 1 || (codings_ == 1 && (lengths_ > 0 || http_1_0_))) return Scan::kMalformed;
  if (wanted_ > limits_.body_bytes_max) return Scan::kBodyTooLarge;
  stage_ = codings_ == 1 ? Stage::kChunkSize : Stage::kSizedBody;
  return Scan::kMore;
}

Scan RequestScanner::scanSizedBody(std::string_view bytes) {
  if (bytes.size() - position_ < wanted_) return Scan::kMore;
  position_ += wanted_;
  return Scan::kWhole;
}

// The next line without its end; kMore when the end is not here yet. What the lines of a chunked
// body may cost is bounded, or a body in one-byte chunks would fill the memory its size does not
// show.
Scan RequestScanner::nextLine(std::string_view bytes, std::string_view& line) {
  const auto end = bytes.find(kLineEnd, looked_at_);
  const auto line_end = end == std::string_view::npos ? bytes.size() : end + kLineEnd.size();
  if (line_end - position_ > kChunkLineBytesMax) return Scan::kMalformed;
  if (end == std::string_view::npos) {
    looked_at_ = bytes.size() - (bytes.size() > position_ && bytes.back() == '\r' ? 1 : 0);
    return Scan::kMore;
  }
  line = bytes.substr(position_, end - position_);
  framing_ += line.size() + 2 * kLineEnd.size();
  if (framing_ > limits_.body_bytes_max + limits_.head_bytes_max) return Scan::kBodyTooLarge;
  if (!std::all_of(line.begin(), line.end(), isValueChar)) return Scan::kMalformed;
  position_ = looked_at_ = line_end;
  return Scan::kWhole;
}

Scan RequestScanner::scanChunkSize(std::string_view bytes) {
  std::string_view line;
  if (const Scan got = nextLine(bytes, line); got != Scan::kWhole) return got;
  const auto digits = trimmed(line.substr(0, line.find(';')));
  // Poco reads eight digits and no more.
  std::size_t size = 0;
  if (digits.empty() || digits.size() > 8 || !readNumber(digits, 16, size)) return Scan::kMalformed;
  body_ += size;
  if (body_ > limits_.body_bytes_max) return Scan::kBodyTooLarge;
  wanted_ = size + kLineEnd.size();
  stage_ = size == 0 ? Stage::kTrailer : Stage::kChunkData;
  return Scan::kMore;
}

Scan RequestScanner::scanChunkData(std::string_view bytes) {
  if (bytes.size() - position_ < wanted_) return Scan::kMore;
  position_ += wanted_;
  looked_at_ = position_;
  if (bytes.substr(position_ - kLineEnd.size(), kLineEnd.size()) != kLineEnd)
    return Scan::kMalformed;
  stage_ = Stage::kChunkSize;
  return Scan::kMore;
}

// Trailer fields are allowed and ignored: nothing that is signed stands there.
Scan RequestScanner::scanTrailer(std::string_view bytes) {
  std::string_view line;
  const Scan got = nextLine(bytes, line);
  return got == Scan::kWhole && !line.empty() ? Scan::kMore : got;
}

}  // namespace modhost::host
