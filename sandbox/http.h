// A request and its answer as the sandbox's handlers see them: plain values, no sockets, no Poco.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace modhost::sandbox {

using Json = nlohmann::json;

// Larger bodies are refused with 413; a whole document fits.
inline constexpr std::size_t kBodyBytesMax = 8 * 1024 * 1024;

struct Request {
  std::string method;
  std::string path;                            // decoded later, segment by segment; no query
  std::map<std::string, std::string> query;    // decoded; a repeated name keeps its last value
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  // "" when the request has none.
  std::string header(const std::string& lower_case_name) const;
  std::string parameter(const std::string& name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

Response jsonResponse(const Json& json, int status = 200);

// An error in the platform's words: {"error": {"message", "type", "code"}}.
Response errorResponse(int status, const std::string& message);

// Thrown by what reads a request, caught once where the request is handled: the caller is at fault,
// and `status` and what() become the answer. Never holds the caller's bytes.
class Refusal : public std::runtime_error {
 public:
  Refusal(int status_code, const std::string& message)
      : std::runtime_error(message), status(status_code) {}

  const int status;
};

// The body as a JSON object. Refusal 400: no JSON, no object, or nested too deeply.
Json bodyObject(const Request& request);

// The segments of a path, percent-decoded, '+' as space, empty ones left out.
std::vector<std::string> pathSegments(const std::string& path);

}  // namespace modhost::sandbox
