#include "sandbox/http.h"

#include <algorithm>

#include "host/base/json_depth.h"
#include "sandbox/text.h"

namespace modhost::sandbox {
namespace {

std::string find(const std::map<std::string, std::string>& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? "" : found->second;
}

struct ErrorWords {
  const char* type;
  const char* code;
};

ErrorWords wordsFor(int status) {
  switch (status) {
    case 400:
      return {"invalid_request_error", "BAD_REQUEST"};
    case 401:
      return {"authentication_error", "UNAUTHORIZED"};
    case 404:
      return {"invalid_request_error", "NOT_FOUND"};
    case 405:
      return {"invalid_request_error", "METHOD_NOT_ALLOWED"};
    case 413:
      return {"invalid_request_error", "PAYLOAD_TOO_LARGE"};
    case 415:
      return {"invalid_request_error", "UNSUPPORTED_MEDIA_TYPE"};
    case 429:
      return {"rate_limit_error", "TOO_MANY_REQUESTS"};
    default:
      return {"api_error", status < 500 ? "ERROR" : "INTERNAL_SERVER_ERROR"};
  }
}

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decoded(std::string_view segment) {
  std::string text;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    const bool escape = segment[i] == '%' && i + 2 < segment.size();
    const int high = escape ? hexValue(segment[i + 1]) : -1;
    const int low = escape ? hexValue(segment[i + 2]) : -1;
    if (high >= 0 && low >= 0) {
      text += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      text += segment[i] == '+' ? ' ' : segment[i];
    }
  }
  return validUtf8(text);
}

}  // namespace

std::string Request::header(const std::string& lower_case_name) const {
  return find(headers, lower_case_name);
}

std::string Request::parameter(const std::string& name) const { return find(query, name); }

Response jsonResponse(const Json& json, int status) {
  Response response;
  response.status = status;
  response.body = json.dump();
  return response;
}

Response errorResponse(int status, const std::string& message) {
  const ErrorWords words = wordsFor(status);
  return jsonResponse(
      {{"error", {{"message", message}, {"type", words.type}, {"code", words.code}}}}, status);
}

Json bodyObject(const Request& request) {
  if (!host::jsonDepthWithin(request.body)) throw Refusal(400, "the body is nested too deeply");
  Json body = Json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object()) throw Refusal(400, "the body has to be a JSON object");
  return body;
}

std::vector<std::string> pathSegments(const std::string& path) {
  std::vector<std::string> segments;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    if (end > at) segments.push_back(decoded(std::string_view(path).substr(at, end - at)));
    at = end + 1;
  }
  return segments;
}

}  // namespace modhost::sandbox
