#include "host/cli/admin_client.h"

#include <CLI/CLI.hpp>
#include <cctype>
#include <cstdlib>
#include <utility>
#include <vector>

#include "host/base/json_depth.h"
#include "host/base/startup_error.h"
#include "host/cli/http_client.h"
#include "host/config/settings.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;

// A host that listens everywhere is asked on loopback.
std::string reachable(const std::string& host) {
  if (host == "0.0.0.0") return "127.0.0.1";
  if (host == "::") return "[::1]";
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string addressIn(const Settings& settings) {
  if (!settings.admin_enabled) {
    throw StartupError(settings.file, "admin is off, so the running host cannot be asked");
  }
  if (settings.admin_port == 0) {
    throw StartupError(settings.file,
                       "admin has port 0, which is any free one; name the address of its log line "
                       "\"ready\" with --admin http://127.0.0.1:PORT");
  }
  return "http://" + reachable(settings.admin_host) + ":" + std::to_string(settings.admin_port);
}

// Asking needs no more than the address, but where that stands is a file that may want secrets.
Settings settingsOrHint(const std::string& file) {
  try {
    return loadSettings(file);
  } catch (const StartupError& error) {
    throw StartupError("", std::string(error.what()) +
                               "; or name the running host: --admin http://127.0.0.1:9090");
  }
}

std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

std::string withoutSlash(std::string url) {
  while (!url.empty() && url.back() == '/') url.pop_back();
  return url;
}

// The host's own words where it has some.
std::string refusalIn(const HttpReply& reply, const Json& json) {
  const bool said = json.is_object() && json.contains("error") && json["error"].is_string() &&
                    !json.contains("success");  // which the webhook port's answers have
  return said ? json["error"].get<std::string>()
              : "it answered " + std::to_string(reply.status) + "; is that a modhost's admin port?";
}

}  // namespace

void addAdminOptions(CLI::App& command, AdminOptions& options) {
  command.add_option("-c,--config", options.config, "Where the admin address and token stand")
      ->type_name("FILE")
      ->capture_default_str();
  command.add_option("--admin", options.url,
                     "http://host:port of the admin port, instead of the configuration's");
  command
      .add_option("--token-env", options.token_env,
                  "With --admin: the environment variable that holds the admin_token")
      ->capture_default_str();
}

AdminClient::AdminClient(const AdminOptions& options) {
  if (!options.url.empty()) {
    url_ = withoutSlash(options.url);
    token_ = variable(options.token_env);
    return;
  }
  const Settings settings = settingsOrHint(options.config);
  url_ = addressIn(settings);
  token_ = settings.admin_token;
}

Result<Json> AdminClient::get(const std::string& path) const {
  return call("GET", path, "", Milliseconds(60'000));
}

Result<Json> AdminClient::post(const std::string& path, const Json& body,
                               Milliseconds patience) const {
  return call("POST", path, body.dump(-1, ' ', false, Json::error_handler_t::replace), patience);
}

Result<Json> AdminClient::call(const std::string& method, const std::string& path,
                               const std::string& body, Milliseconds patience) const {
  HttpRequest request;
  request.method = method;
  request.url = url_ + path;
  request.headers = {"X-Modhost-Action: 1", "Content-Type: application/json"};
  if (!token_.empty()) request.headers.push_back("Authorization: Bearer " + token_);
  request.body = body;
  request.timeout = patience;
  const Result<HttpReply> reply = httpCall(request);
  if (!reply) {
    return Error{ErrorKind::kUnavailable, "no answer from " + url_ + " (" + reply.error().message +
                                              "); is `modhost run` up?"};
  }
  const std::string& text = reply.value().body;
  Json json = jsonDepthWithin(text) ? Json::parse(text, nullptr, /*allow_exceptions=*/false)
                                    : Json(Json::value_t::discarded);
  const bool fine = reply.value().status / 100 == 2 && !json.is_discarded();
  if (!fine) return Error{ErrorKind::kInvalid, refusalIn(reply.value(), json)};
  return json;
}

std::string percentEncoded(const std::string& text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) out += c;
    if (!plain) out += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

}  // namespace modhost::host
