#include "host/event/json_walk.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <system_error>

#include "host/base/utf8.h"

namespace modhost::host {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::uint32_t kHighSurrogates = 0xD800, kLowSurrogates = 0xDC00,
                        kBehindSurrogates = 0xE000;

bool isAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }

// What stands in a string for itself alone.
bool isPlain(char c) { return isAscii(c) && c >= 0x20 && c != '"' && c != '\\'; }

bool isDigit(char c) { return c >= '0' && c <= '9'; }

void appendUtf8(std::string& text, std::uint32_t point) {
  const auto rest = [&](int bits) {
    text += static_cast<char>(0x80U | ((point >> static_cast<unsigned>(bits)) & 0x3FU));
  };
  if (point < 0x80) {
    text += static_cast<char>(point);
  } else if (point < 0x800) {
    text += static_cast<char>(0xC0U | (point >> 6U));
    rest(0);
  } else if (point < 0x10000) {
    text += static_cast<char>(0xE0U | (point >> 12U));
    rest(6);
    rest(0);
  } else {
    text += static_cast<char>(0xF0U | (point >> 18U));
    rest(12);
    rest(6);
    rest(0);
  }
}

}  // namespace

JsonFault JsonWalk::run() {
  if (std::string_view(at_, end_).starts_with(kByteOrderMark)) at_ += kByteOrderMark.size();
  if (!value()) return fault_;
  skipSpace();
  return at_ == end_ ? JsonFault::kNone : JsonFault::kNotJson;
}

bool JsonWalk::value() {
  skipSpace();
  if (at_ == end_) return fail(JsonFault::kNotJson);
  switch (*at_) {
    case '{':
      return object();
    case '[':
      return array();
    case '"': {
      std::string_view text;
      return readString(text) && told(listener_.string(text));
    }
    case 't':
      return word("true");
    case 'f':
      return word("false");
    case 'n':
      return word("null");
    default:
      return number();
  }
}

bool JsonWalk::object() {
  ++at_;
  if (!told(listener_.openObject())) return false;
  skipSpace();
  if (!take('}')) {
    do {
      if (!member()) return false;
      skipSpace();
    } while (take(','));
    if (!take('}')) return fail(JsonFault::kNotJson);
  }
  return told(listener_.close());
}

bool JsonWalk::member() {
  skipSpace();
  if (at_ == end_ || *at_ != '"') return fail(JsonFault::kNotJson);
  std::string_view name;
  if (!readString(name) || !told(listener_.key(name))) return false;
  skipSpace();
  return take(':') ? value() : fail(JsonFault::kNotJson);
}

bool JsonWalk::array() {
  ++at_;
  if (!told(listener_.openArray())) return false;
  skipSpace();
  if (!take(']')) {
    do {
      if (!value()) return false;
      skipSpace();
    } while (take(','));
    if (!take(']')) return fail(JsonFault::kNotJson);
  }
  return told(listener_.close());
}

// What is beyond a double is refused, as the library does.
bool JsonWalk::number() {
  const char* const begin = at_;
  take('-');
  if (!take('0') && !digits()) return fail(JsonFault::kNotJson);
  bool whole = true;
  if (take('.')) {
    whole = false;
    if (!digits()) return fail(JsonFault::kNotJson);
  }
  if (take('e') || take('E')) {
    whole = false;
    if (!take('+')) take('-');
    if (!digits()) return fail(JsonFault::kNotJson);
  }
  std::int64_t integer = 0;
  if (whole && std::from_chars(begin, at_, integer).ec == std::errc()) {
    return told(listener_.number(integer));
  }
  const bool finite = std::isfinite(std::strtod(std::string(begin, at_).c_str(), nullptr));
  return finite ? told(listener_.number(std::nullopt)) : fail(JsonFault::kNotJson);
}

bool JsonWalk::word(std::string_view word) {
  if (!std::string_view(at_, end_).starts_with(word)) return fail(JsonFault::kNotJson);
  at_ += word.size();
  return told(listener_.literal());
}

// Most have no escape, and are seen where they stand.
bool JsonWalk::readString(std::string_view& text) {
  ++at_;
  const char* from = at_;
  unescaped_.clear();
  for (;;) {
    while (at_ != end_ && isPlain(*at_)) ++at_;
    if (at_ == end_) return fail(JsonFault::kNotJson);
    if (*at_ == '"') break;
    if (*at_ == '\\') {
      unescaped_.append(from, at_);
      if (!readEscape()) return fail(JsonFault::kNotJson);
      from = at_;
    } else if (const std::size_t bytes = utf8CharacterBytes({at_, end_}); bytes > 1) {
      at_ += bytes;
    } else {
      return fail(isAscii(*at_) ? JsonFault::kNotJson : JsonFault::kNotUtf8);
    }
  }
  text = {from, at_};
  if (!unescaped_.empty()) text = unescaped_.append(from, at_);
  ++at_;
  return true;
}

bool JsonWalk::readEscape() {
  constexpr std::string_view kLetters = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
  if (++at_ == end_) return false;
  if (take('u')) return readCodePoint();
  const std::size_t which = kLetters.find(*at_++);
  if (which == std::string_view::npos) return false;
  unescaped_ += kMeant[which];
  return true;
}

bool JsonWalk::readCodePoint() {
  std::uint32_t point = 0;
  if (!readUnit(point)) return false;
  if (point >= kLowSurrogates && point < kBehindSurrogates) return false;
  if (point >= kHighSurrogates && point < kLowSurrogates) {
    std::uint32_t low = 0;
    if (!take('\\') || !take('u') || !readUnit(low)) return false;
    if (low < kLowSurrogates || low >= kBehindSurrogates) return false;
    point = 0x10000U + ((point - kHighSurrogates) << 10U) + (low - kLowSurrogates);
  }
  appendUtf8(unescaped_, point);
  return true;
}

bool JsonWalk::readUnit(std::uint32_t& unit) {
  constexpr std::ptrdiff_t kDigits = 4;
  if (end_ - at_ < kDigits) return false;
  const auto [end, error] = std::from_chars(at_, at_ + kDigits, unit, 16);
  if (error != std::errc() || end != at_ + kDigits) return false;
  at_ = end;
  return true;
}

bool JsonWalk::digits() {
  const char* const begin = at_;
  while (at_ != end_ && isDigit(*at_)) ++at_;
  return at_ != begin;
}

bool JsonWalk::take(char wanted) {
  if (at_ == end_ || *at_ != wanted) return false;
  ++at_;
  return true;
}

void JsonWalk::skipSpace() {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
}

bool JsonWalk::fail(JsonFault fault) {
  fault_ = fault;
  return false;
}

bool JsonWalk::told(bool goes_on) { return goes_on || fail(JsonFault::kEnded); }

}  // namespace modhost::host
