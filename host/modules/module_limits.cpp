#include "host/modules/module_limits.h"

#include <nlohmann/json.hpp>

#include "host/base/json_depth.h"

namespace modhost::host {
namespace {

bool methodValid(std::string_view method) {
  if (method.empty() || method.size() > kCallMethodBytesMax) return false;
  for (const char c : method) {
    if (c < 'A' || c > 'Z') return false;
  }
  return true;
}

// "%2e" and "%2E" are a dot to whoever decodes the path further on.
std::string withDotsDecoded(std::string_view segment) {
  std::string out;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    const std::string_view three = segment.substr(i, 3);
    const bool dot = three == "%2e" || three == "%2E";
    out += dot ? '.' : segment[i];
    if (dot) i += 2;
  }
  return out;
}

bool leavesItsFolder(std::string_view path) {
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string segment = withDotsDecoded(path.substr(0, slash));
    if (segment == "." || segment == "..") return true;
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return false;
}

std::string pathRefusal(std::string_view path) {
  if (path.empty() || path.front() != '/') return "the path does not start with '/'";
  if (path.size() > kCallPathBytesMax) return "the path is too long";
  for (const char c : path) {
    if (c <= 0x20 || c == 0x7f) return "the path holds a space, control or non-ASCII byte";
    if (c == '\\' || c == '#') return "the path holds a backslash or '#'";
  }
  const std::string_view before_query = path.substr(0, path.find('?'));
  if (before_query.find("//") != std::string_view::npos) return "the path holds '//' or a scheme";
  if (leavesItsFolder(before_query)) return "the path holds a '.' or '..' segment";
  return "";
}

}  // namespace

std::string bounded(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + " (cut, " + std::to_string(text.size()) + " bytes)";
}

std::string callRefusal(const ModuleCall& call) {
  if (!methodValid(call.method)) return "the method is not a word of upper-case letters";
  std::string refusal = pathRefusal(call.path);
  if (!refusal.empty()) return refusal;
  if (call.body.size() > kCallBodyBytesMax) {
    return "the body is larger than " + std::to_string(kCallBodyBytesMax) + " bytes";
  }
  if (!jsonDepthWithin(call.body)) return "the body nests too deep";
  if (!call.body.empty() && !nlohmann::json::accept(call.body)) return "the body is not JSON";
  return "";
}

std::string checkedLogFields(std::string_view fields) {
  if (fields.empty()) return "";
  if (fields.size() > kModuleTextBytesMax) return "(fields too long)";
  const std::size_t first = fields.find_first_not_of(" \t\r\n");
  const bool object = first != std::string_view::npos && fields[first] == '{' &&
                      jsonDepthWithin(fields) && nlohmann::json::accept(fields);
  return object ? std::string(fields) : "(fields are not a JSON object)";
}

}  // namespace modhost::host
