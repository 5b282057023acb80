#include "host/base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "host/base/mutex.h"
#include "host/base/utf8.h"

namespace modhost::host {
namespace {

enum class Shape { kText = 1, kJournal, kJson };
Shape shape_ = Shape::kText;
std::atomic<bool> shows_text_{false};

// Each level at its own place.
struct LevelName {
  LogLevel level;
  const char* word;
  spdlog::level::level_enum spdlog_level;
  int priority;  // of syslog, which the journal takes
};
constexpr std::array<LevelName, 5> kLevels{{{LogLevel::kTrace, "trace", spdlog::level::trace, 7},
                                            {LogLevel::kDebug, "debug", spdlog::level::debug, 7},
                                            {LogLevel::kInfo, "info", spdlog::level::info, 6},
                                            {LogLevel::kWarn, "warn", spdlog::level::warn, 4},
                                            {LogLevel::kError, "error", spdlog::level::err, 3}}};

const LevelName& nameOf(LogLevel level) { return kLevels.at(static_cast<std::size_t>(level)); }

// The levels that are set. What is below `lowest` is written by nobody, which is all that most
// callers ever ask. In the maps the common level stands under "".
class Thresholds {
 public:
  void configure(LogLevel common, LogLevels own) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    configured_ = std::move(own);
    configured_[""] = common;
    by_hand_.clear();
    note();
  }
  void setByHand(const std::string& scope, LogLevel level) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    by_hand_[scope] = level;
    note();
  }
  void reset(const std::string& scope) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    by_hand_.erase(scope);
    note();
  }
  void resetAll() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    by_hand_.clear();
    note();
  }
  bool admits(LogLevel level, std::string_view scope) const EXCLUDES(mutex_) {
    if (level < lowest_.load(std::memory_order_relaxed)) return false;
    if (!has_own_.load(std::memory_order_relaxed)) return true;
    MutexLock lock(mutex_);
    return level >= inForce(scope).level;
  }
  LogLevelInForce of(std::string_view scope) const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return inForce(scope);
  }

 private:
  LogLevelInForce inForce(std::string_view scope) const REQUIRES(mutex_) {
    if (const auto set = by_hand_.find(scope); set != by_hand_.end()) {
      return {set->second, LogLevelFrom::kByHand};
    }
    if (const auto own = configured_.find(scope); own != configured_.end()) {
      return {own->second, LogLevelFrom::kConfigured};
    }
    return {inForce("").level, LogLevelFrom::kCommon};
  }
  void note() REQUIRES(mutex_) {
    LogLevels all = configured_;
    for (const auto& [scope, level] : by_hand_) all[scope] = level;
    LogLevel lowest = LogLevel::kError;
    for (const auto& entry : all) lowest = std::min(lowest, entry.second);
    has_own_ = all.size() > 1;
    lowest_ = lowest;
  }

  std::atomic<LogLevel> lowest_{LogLevel::kInfo};
  std::atomic<bool> has_own_{false};
  mutable Mutex mutex_;
  LogLevels configured_ GUARDED_BY(mutex_) = {{"", LogLevel::kInfo}};
  LogLevels by_hand_ GUARDED_BY(mutex_);
};

// These two are never destroyed: a module's stuck thread may log while the process exits.
Thresholds& thresholds() {
  static Thresholds* const instance = new Thresholds;
  return *instance;
}

constexpr char kTextPattern[] = "%Y-%m-%dT%H:%M:%S.%eZ %^%-5l%$ %v";
constexpr char kJsonPattern[] = "{\"time\":\"%Y-%m-%dT%H:%M:%S.%eZ\",\"level\":\"%l\",%v}";

std::unique_ptr<spdlog::formatter> patterned(const char* pattern) {
  return std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc);
}

spdlog::sinks::ansicolor_stderr_sink_mt& sink() {
  static auto* const instance = [] {
    auto* const made = new spdlog::sinks::ansicolor_stderr_sink_mt(spdlog::color_mode::never);
    made->set_formatter(patterned(kTextPattern));
    return made;
  }();
  return *instance;
}

Shape shapeOf(LogFormat format, const LogTarget& target) {
  const bool people = target.terminal || target.journal;
  if (format == LogFormat::kJson || (format == LogFormat::kAuto && !people)) return Shape::kJson;
  return target.journal ? Shape::kJournal : Shape::kText;
}

bool isSet(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

// "device:inode" of the stream that systemd connected; a child may have been given another stderr.
bool isJournal(int fd) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || ::fstat(fd, &status) != 0) return false;
  return stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

void appendControl(std::string& out, unsigned char byte) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += "\\u00";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

// JSON string escapes serve both formats: no byte below 0x20 gets through, and what is no UTF-8
// becomes U+FFFD, or no reader of JSON lines would take the line.
void appendEscaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const char c = text.front();
    const auto byte = static_cast<unsigned char>(c);
    const std::size_t bytes = utf8CharacterBytes(text);
    if (bytes == 0) {
      out += "\xEF\xBF\xBD";
    } else if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      appendControl(out, byte);
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
}

void appendQuoted(std::string& out, std::string_view text) {
  out += '"';
  appendEscaped(out, text);
  out += '"';
}

bool needsQuotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte >= 0x7f || c == '"' || c == '\\' || c == '=') return true;
  }
  return false;
}

void appendTextField(std::string& line, const LogField& field) {
  line.append(" ").append(field.key).append("=");
  if (needsQuotes(field.value)) {
    appendQuoted(line, field.value);
  } else {
    line += field.value;
  }
}

void appendJsonField(std::string& line, const LogField& field) {
  line += ',';
  appendQuoted(line, field.key);
  line += ':';
  if (field.number) {
    line += field.value;
  } else {
    appendQuoted(line, field.value);
  }
}

std::string textLine(std::string_view area, std::string_view text, const LogFields& about,
                     std::initializer_list<LogField> fields) {
  std::string line;
  line.append(area).append(": ");
  appendEscaped(line, text);
  for (const LogField& field : about) appendTextField(line, field);
  for (const LogField& field : fields) appendTextField(line, field);
  return line;
}

std::string jsonLine(std::string_view area, std::string_view text, const LogFields& about,
                     std::initializer_list<LogField> fields) {
  std::string line = "\"area\":";
  appendQuoted(line, area);
  line += ",\"message\":";
  appendQuoted(line, text);
  for (const LogField& field : about) appendJsonField(line, field);
  for (const LogField& field : fields) appendJsonField(line, field);
  return line;
}

}  // namespace

LogTarget logTarget(int fd) {
  const char* term = std::getenv("TERM");
  LogTarget target;
  target.terminal = ::isatty(fd) == 1;
  target.colour =
      target.terminal && !isSet("NO_COLOR") && term != nullptr && std::string_view(term) != "dumb";
  target.journal = isJournal(fd);
  return target;
}

void logInit(const LogSettings& settings, const LogTarget& target) {
  logSetLevels(settings.level, settings.own);
  logShowText(settings.message_text);
  shape_ = shapeOf(settings.format, target);
  sink().set_color_mode(target.colour ? spdlog::color_mode::always : spdlog::color_mode::never);
  const char* of_people = shape_ == Shape::kText ? kTextPattern : "%v";
  sink().set_formatter(patterned(shape_ == Shape::kJson ? kJsonPattern : of_people));
}

void logInit(const LogSettings& settings) { logInit(settings, logTarget(STDERR_FILENO)); }

void logSetLevels(LogLevel level, LogLevels own) { thresholds().configure(level, std::move(own)); }

void logSetLevel(const std::string& scope, LogLevel level) { thresholds().setByHand(scope, level); }

void logResetLevel(const std::string& scope) { thresholds().reset(scope); }

void logResetLevels() { thresholds().resetAll(); }

LogLevelInForce logLevelOf(const std::string& scope) { return thresholds().of(scope); }

const char* logLevelWord(LogLevel level) { return nameOf(level).word; }

const LogLevel* logLevelFrom(std::string_view word) {
  for (const LevelName& name : kLevels) {
    if (word == name.word) return &name.level;
  }
  return nullptr;
}

bool logEnabled(LogLevel level, std::string_view scope) {
  return thresholds().admits(level, scope);
}

void logShowText(bool shown) { shows_text_ = shown; }
bool logShowsText() { return shows_text_; }

std::string loggedText(std::string_view text) {
  if (text.size() <= kLoggedTextBytesMax) return std::string(text);
  std::size_t end = kLoggedTextBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + "\xE2\x80\xA6";
}

void logLine(LogLevel level, std::string_view area, std::string_view text, const LogFields& about,
             std::initializer_list<LogField> fields) {
  std::string line = shape_ == Shape::kJson ? jsonLine(area, text, about, fields)
                                            : textLine(area, text, about, fields);
  if (shape_ == Shape::kJournal) line.insert(0, "<" + std::to_string(nameOf(level).priority) + ">");
  sink().log(spdlog::details::log_msg({}, "modhost", nameOf(level).spdlog_level, line));
}

}  // namespace modhost::host
