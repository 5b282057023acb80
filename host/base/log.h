// The log: one line per happening, `key=value` fields, to stderr. Secrets and message text never
// reach it; what is logged of an event is its ids.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace modhost::host {

enum class LogLevel { kDebug = 1, kInfo, kWarn, kError };
enum class LogFormat { kText = 1, kJson };

struct LogSettings {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
};

struct LogField {
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  template <std::integral T>
  LogField(std::string_view k, T v) : key(k), value(std::to_string(v)), number(true) {}

  std::string_view key;
  std::string value;
  bool number = false;
};

// Called once, before threads start; without it: text, info.
void logInit(const LogSettings& settings);
bool logEnabled(LogLevel level);
// Threads: any.
void logSetLevel(LogLevel level);

// `area` is the folder that speaks ("inbox"). Control bytes in values are escaped, so a value can
// not forge a line. Threads: any.
void log(LogLevel level, std::string_view area, std::string_view text,
         std::initializer_list<LogField> fields = {});

inline void logDebug(std::string_view area, std::string_view text,
                     std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kDebug, area, text, fields);
}
inline void logInfo(std::string_view area, std::string_view text,
                    std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kInfo, area, text, fields);
}
inline void logWarn(std::string_view area, std::string_view text,
                    std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kWarn, area, text, fields);
}
inline void logError(std::string_view area, std::string_view text,
                     std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kError, area, text, fields);
}

}  // namespace modhost::host
