// The log: one line per happening, `key=value` fields, to stderr. Secrets never reach it, and what
// people wrote only when the operator asked for it; what is logged of an event is its ids.
//
//   a terminal     2026-01-01T00:00:00.000Z info  area: text key=value, the level in colour
//   the journal    <6>area: text key=value: systemd takes the priority off and has the time
//   anything else  {"time":"2026-…","level":"info","area":"area","message":"text","key":"value"}
#pragma once

#include <concepts>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace modhost::host {

// kDebug to kError as in the module ABI; modules know no trace.
enum class LogLevel { kTrace = 0, kDebug, kInfo, kWarn, kError };
enum class LogFormat {
  kAuto = 1,
  kText,
  kJson
};  // kAuto: JSON, but for a terminal and the journal

// Of scopes: an area ("guard"), or one module ("module greeter"). All others have the common level.
using LogLevels = std::map<std::string, LogLevel, std::less<>>;

struct LogSettings {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
  LogLevels own = {};
  bool message_text = false;  // lines may hold what people wrote
};

inline std::string moduleLogScope(const std::string& id) { return "module " + id; }

// What the lines are written to.
struct LogTarget {
  bool terminal = false;
  bool colour = false;
  bool journal = false;  // a stream of systemd's journal
};

// Looks at the descriptor and at NO_COLOR, TERM and JOURNAL_STREAM.
LogTarget logTarget(int fd);

struct LogField {
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  template <std::integral T>
  LogField(std::string_view k, T v) : key(k), value(std::to_string(v)), number(true) {}

  std::string_view key;  // of a literal: it is not copied
  std::string value;
  bool number = false;
};

// What a line is about: the fields that every line about the same thing begins with.
using LogFields = std::vector<LogField>;

// Called once, before threads start; without it: text, info.
void logInit(const LogSettings& settings, const LogTarget& target);
void logInit(const LogSettings& settings);  // to stderr as it is

// Threads: any, as all below.
// The configured levels. What was set by hand ends.
void logSetLevels(LogLevel level, LogLevels own = {});
// By hand: one scope's until logResetLevel() or the next logSetLevels(); the common one for an empty
// scope.
void logSetLevel(const std::string& scope, LogLevel level);
// The scope has its configured level again.
void logResetLevel(const std::string& scope);
void logResetLevels();  // all have

enum class LogLevelFrom { kConfigured = 1, kByHand, kCommon };  // kCommon: it has none of its own
struct LogLevelInForce {
  LogLevel level = LogLevel::kInfo;
  LogLevelFrom from = LogLevelFrom::kConfigured;
};
LogLevelInForce logLevelOf(const std::string& scope);  // the common one for an empty scope

// "trace" … "error" and back; nullptr: another word.
const char* logLevelWord(LogLevel level);
const LogLevel* logLevelFrom(std::string_view word);

// Whether a line of this scope would be written. One load where it would not be anywhere.
bool logEnabled(LogLevel level, std::string_view scope = {});

// Whether lines may hold what people wrote, and so much of it.
void logShowText(bool shown);
bool logShowsText();
inline constexpr std::size_t kLoggedTextBytesMax = 200;
std::string loggedText(std::string_view text);

// Writes the line, whatever the level. `area` is the folder that speaks ("inbox"). Control bytes in
// values are escaped, so a value can not forge a line.
void logLine(LogLevel level, std::string_view area, std::string_view text, const LogFields& about,
             std::initializer_list<LogField> fields);

inline void log(LogLevel level, std::string_view area, std::string_view text,
                std::initializer_list<LogField> fields = {}) {
  if (logEnabled(level, area)) logLine(level, area, text, {}, fields);
}
inline void log(LogLevel level, std::string_view area, std::string_view text,
                const LogFields& about, std::initializer_list<LogField> fields = {}) {
  if (logEnabled(level, area)) logLine(level, area, text, about, fields);
}

inline void logTrace(std::string_view area, std::string_view text,
                     std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kTrace, area, text, fields);
}
inline void logTrace(std::string_view area, std::string_view text, const LogFields& about,
                     std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kTrace, area, text, about, fields);
}
inline void logDebug(std::string_view area, std::string_view text,
                     std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kDebug, area, text, fields);
}
inline void logDebug(std::string_view area, std::string_view text, const LogFields& about,
                     std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kDebug, area, text, about, fields);
}
inline void logInfo(std::string_view area, std::string_view text,
                    std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kInfo, area, text, fields);
}
inline void logInfo(std::string_view area, std::string_view text, const LogFields& about,
                    std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kInfo, area, text, about, fields);
}
inline void logWarn(std::string_view area, std::string_view text,
                    std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kWarn, area, text, fields);
}
inline void logWarn(std::string_view area, std::string_view text, const LogFields& about,
                    std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kWarn, area, text, about, fields);
}
inline void logError(std::string_view area, std::string_view text,
                     std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kError, area, text, fields);
}
inline void logError(std::string_view area, std::string_view text, const LogFields& about,
                     std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kError, area, text, about, fields);
}

}  // namespace modhost::host
