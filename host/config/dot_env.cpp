#include "host/config/dot_env.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <sstream>

#include "host/base/startup_error.h"
#include "host/config/text.h"
#include "host/config/text_file.h"

namespace modhost::host {

namespace {

bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

// What may follow a closing quote.
bool isCommentOrBlank(std::string_view rest) {
  rest = trimmed(rest);
  return rest.empty() || rest.front() == '#';
}

std::optional<std::string> singleQuoted(std::string_view text) {
  const std::size_t end = text.find('\'', 1);
  if (end == std::string_view::npos || !isCommentOrBlank(text.substr(end + 1))) return std::nullopt;
  return std::string(text.substr(1, end - 1));
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    default:
      return c;
  }
}

std::optional<std::string> doubleQuoted(std::string_view text) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size() &&
                        std::string_view("ntr\"\\$").find(text[i + 1]) != std::string_view::npos;
    if (escape) {
      value += unescaped(text[++i]);
    } else if (text[i] == '"') {
      return isCommentOrBlank(text.substr(i + 1)) ? std::optional(value) : std::nullopt;
    } else {
      value += text[i];
    }
  }
  return std::nullopt;
}

std::string bare(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool comment = text[i] == '#' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t');
    if (comment) text = text.substr(0, i);
  }
  return std::string(trimmed(text));
}

std::optional<std::string> valueOf(std::string_view text) {
  if (text.empty()) return "";
  if (text.front() == '\'') return singleQuoted(text);
  if (text.front() == '"') return doubleQuoted(text);
  return bare(text);
}

struct Assignment {
  std::string name;
  std::string value;
};

std::optional<Assignment> assignmentOf(std::string_view line) {
  static constexpr std::string_view kExport = "export ";
  if (line.substr(0, kExport.size()) == kExport) line = trimmed(line.substr(kExport.size()));
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const std::string_view name = trimmed(line.substr(0, equals));
  auto value = valueOf(trimmed(line.substr(equals + 1)));
  if (!isVariableName(name) || !value) return std::nullopt;
  return Assignment{std::string(name), std::move(*value)};
}

}  // namespace

bool isVariableName(std::string_view name) {
  return !name.empty() && name.size() <= kVariableNameBytesMax && isLetter(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return isLetter(c) || isDigit(c); });
}

std::map<std::string, std::string> readDotEnv(const std::string& path) {
  std::map<std::string, std::string> values;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return values;

  std::istringstream lines(readTextFile(path, kDotEnvBytesMax).text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::string_view content = trimmed(line);
    if (content.empty() || content.front() == '#') continue;
    auto assignment = assignmentOf(content);
    if (!assignment || utf8ErrorAt(content) != std::string_view::npos) {
      throw StartupError(
          path + ":" + std::to_string(number),
          "a line that cannot be read (it is not shown, as it may be secret); accepted: "
          "NAME=VALUE, NAME='VALUE' or NAME=\"VALUE\" on one line, or # comment");
    }
    values[assignment->name] = std::move(assignment->value);
  }
  return values;
}

}  // namespace modhost::host
