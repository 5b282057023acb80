// JsonWalk: one pass over JSON text that builds nothing and tells a listener what it meets. It takes
// exactly what nlohmann/json takes (RFC 8259 in UTF-8; a byte order mark at the head is skipped), which
// reads the same text again in the modules, at a tenth of the instructions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace modhost::host {

// Hears of each value in its turn; false ends the walk. Texts are unescaped and live for the call only.
class JsonListener {
 public:
  virtual ~JsonListener() = default;
  virtual bool key(std::string_view name) = 0;
  virtual bool string(std::string_view text) = 0;
  // nullopt: a fraction, or more than fits.
  virtual bool number(std::optional<std::int64_t> integer) = 0;
  virtual bool literal() = 0;  // true, false, null
  // Objects and arrays nest as deep as these allow, and so does the walk's stack.
  virtual bool openObject() = 0;
  virtual bool openArray() = 0;
  virtual bool close() = 0;
};

enum class JsonFault { kNone = 1, kEnded /* by the listener */, kNotJson, kNotUtf8 };

class JsonWalk {
 public:
  // Both must outlive this.
  JsonWalk(std::string_view text, JsonListener& listener)
      : at_(text.data()), end_(text.data() + text.size()), listener_(listener) {}

  // Once. Of several faults the first.
  JsonFault run();

 private:
  bool value();
  bool object();
  bool member();
  bool array();
  bool number();
  bool word(std::string_view word);
  bool readString(std::string_view& text);
  bool readEscape();
  bool readCodePoint();
  bool readUnit(std::uint32_t& unit);
  bool digits();

  bool take(char wanted);
  void skipSpace();
  bool fail(JsonFault fault);
  bool told(bool goes_on);

  const char* at_;
  const char* const end_;
  JsonListener& listener_;
  std::string unescaped_;  // the text at hand, where it has escapes
  JsonFault fault_ = JsonFault::kNone;
};

}  // namespace modhost::host
