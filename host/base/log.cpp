#include "host/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>

#include "host/base/utf8.h"

namespace modhost::host {
namespace {

LogFormat format_ = LogFormat::kText;

spdlog::level::level_enum levelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

spdlog::logger& logger() {
  // Never destroyed: a module's stuck thread may log while the process exits.
  static spdlog::logger* const instance = [] {
    auto* const made =
        new spdlog::logger("modhost", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%-5l%$ %v", spdlog::pattern_time_type::utc);
    return made;
  }();
  return *instance;
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

std::string textLine(std::string_view area, std::string_view text,
                     std::initializer_list<LogField> fields) {
  std::string line;
  line.append(area).append(": ");
  appendEscaped(line, text);
  for (const LogField& field : fields) {
    line.append(" ").append(field.key).append("=");
    if (needsQuotes(field.value)) {
      appendQuoted(line, field.value);
    } else {
      line += field.value;
    }
  }
  return line;
}

std::string jsonLine(std::string_view area, std::string_view text,
                     std::initializer_list<LogField> fields) {
  std::string line = "\"area\":";
  appendQuoted(line, area);
  line += ",\"message\":";
  appendQuoted(line, text);
  for (const LogField& field : fields) {
    line += ',';
    appendQuoted(line, field.key);
    line += ':';
    if (field.number) {
      line += field.value;
    } else {
      appendQuoted(line, field.value);
    }
  }
  return line;
}

}  // namespace

void logInit(const LogSettings& settings) {
  format_ = settings.format;
  logger().set_level(levelOf(settings.level));
  if (format_ == LogFormat::kJson) {
    logger().set_pattern("{\"time\":\"%Y-%m-%dT%H:%M:%S.%eZ\",\"level\":\"%l\",%v}",
                         spdlog::pattern_time_type::utc);
  }
}

void logSetLevel(LogLevel level) { logger().set_level(levelOf(level)); }

bool logEnabled(LogLevel level) { return logger().should_log(levelOf(level)); }

void log(LogLevel level, std::string_view area, std::string_view text,
         std::initializer_list<LogField> fields) {
  if (!logEnabled(level)) return;
  const std::string line =
      format_ == LogFormat::kJson ? jsonLine(area, text, fields) : textLine(area, text, fields);
  logger().log(levelOf(level), spdlog::string_view_t(line));
}

}  // namespace modhost::host
