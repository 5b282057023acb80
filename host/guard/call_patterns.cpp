#include "host/guard/call_patterns.h"

#include <algorithm>
#include <array>
#include <optional>

namespace modhost::host {
namespace {

constexpr std::array<std::string_view, 5> kMethods{"GET", "POST", "PATCH", "PUT", "DELETE"};

Error invalid(const char* why) { return Error{ErrorKind::kInvalid, why}; }

bool isControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> formDecoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hexValue(text[i + 1]);
    const int low = hexValue(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    path.remove_prefix(1);  // the '/'
    const std::size_t end = std::min(path.find('/'), path.size());
    parts.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return parts;
}

bool fits(const std::vector<std::string_view>& pattern, const std::vector<std::string>& segments) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == "**") return true;
    if (i == segments.size()) return false;
    if (pattern[i] != "*" && pattern[i] != segments[i]) return false;
  }
  return pattern.size() == segments.size();
}

}  // namespace

std::vector<CallPattern> defaultCallPatterns() {
  return {{"POST", "/message-log"},
          {"PATCH", "/message-log/*"},
          {"POST", "/search/search"},
          {"POST", "/search/search-string"},
          {"POST", "/openai/chat/completions"},
          {"POST", "/integrated/chat/stream-completions"},
          {"POST", "/integrated/chat/stream-responses"},
          {"GET", "/messages"},
          {"GET", "/messages/*"},
          {"POST", "/messages"},
          {"PATCH", "/messages/*"},
          {"POST", "/messages/*/event"}};
}

Result<CallPattern> parseCallPattern(std::string_view text) {
  const std::size_t blank = std::min(text.find(' '), text.size());
  const std::string_view method = text.substr(0, blank);
  const std::string_view path = text.substr(std::min(blank + 1, text.size()));
  if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end()) {
    return invalid("a call pattern begins with GET, POST, PATCH, PUT or DELETE");
  }
  auto segments = pathSegments(path);
  if (!segments.ok()) return segments.takeError();
  const auto rest = path.find("**");
  if (rest != std::string_view::npos && (rest + 2 != path.size() || path[rest - 1] != '/')) {
    return invalid("in a call pattern '**' stands last and alone in its segment");
  }
  return CallPattern{std::string(method), std::string(path)};
}

Result<std::vector<std::string>> pathSegments(std::string_view path) {
  if (!path.starts_with('/')) return invalid("the path does not start with '/'");
  if (std::any_of(path.begin(), path.end(), isControl)) {
    return invalid("the path holds a control byte");
  }
  if (path.find_first_of(" \\#") != std::string_view::npos) {
    return invalid("the path holds a blank, a backslash or a fragment");
  }
  std::vector<std::string> segments;
  for (const std::string_view part : split(path.substr(0, path.find('?')))) {
    const auto segment = formDecoded(part);
    if (!segment) return invalid("the path holds a broken percent-encoding");
    if (segment->empty()) return invalid("the path holds an empty segment");
    if (segment->find("..") != std::string::npos || *segment == ".") {
      return invalid("the path holds dots that climb");
    }
    if (segment->find("://") != std::string::npos) return invalid("the path holds a scheme");
    if (std::any_of(segment->begin(), segment->end(), isControl)) {
      return invalid("the path holds an encoded control byte");
    }
    segments.push_back(*segment);
  }
  return segments;
}

const CallPattern* patternOf(const std::vector<CallPattern>& patterns, std::string_view method,
                             const std::vector<std::string>& segments) {
  const auto found =
      std::find_if(patterns.begin(), patterns.end(), [&](const CallPattern& pattern) {
        return pattern.method == method && fits(split(pattern.path), segments);
      });
  return found == patterns.end() ? nullptr : &*found;
}

CallKind kindOfCall(std::string_view method, const std::vector<std::string>& segments) {
  const std::string& first = segments.front();
  const std::size_t depth = segments.size();
  if (method == "GET") return CallKind::kRead;
  if (method == "PATCH" && depth == 2 && first == "message-log") return CallKind::kUpdateStep;
  if (method == "PATCH" && depth == 2 && first == "messages") return CallKind::kWriteMessage;
  if (method != "POST") return CallKind::kOtherWrite;
  if (depth == 1 && first == "message-log") return CallKind::kCreateStep;
  if (first == "search" || first == "openai") return CallKind::kRead;
  const bool streams = depth == 3 && first == "integrated" && segments[1] == "chat" &&
                       segments[2].starts_with("stream-");
  return streams ? CallKind::kStreamAnswer : CallKind::kOtherWrite;
}

}  // namespace modhost::host
