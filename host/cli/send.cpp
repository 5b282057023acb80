#include "host/cli/send.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "host/base/clock.h"
#include "host/base/crypto.h"
#include "host/base/json_depth.h"
#include "host/base/startup_error.h"
#include "host/cli/http_client.h"

namespace modhost::host {
namespace {

std::string readAll(std::istream& stream) {
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

std::string readEvent(const std::string& file) {
  if (file == "-") return readAll(std::cin);
  std::ifstream stream(file, std::ios::binary);
  std::string bytes = readAll(stream);
  if (!stream.is_open() || stream.bad())
    throw StartupError(file, "cannot be read; expected a file, or - for standard input");
  return bytes;
}

std::string secretFrom(const std::string& variable) {
  const char* secret = std::getenv(variable.c_str());
  if (secret != nullptr && *secret != '\0') return secret;
  throw StartupError("environment", variable +
                                        " is not set or empty; export the webhook secret the host "
                                        "has, or name another variable with --secret-env");
}

// The body's id, when it is an event at all.
std::string idIn(const std::string& body) {
  if (!jsonDepthWithin(body)) return "";
  const nlohmann::json event = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!event.is_object()) return "";
  const auto id = event.find("id");
  return id != event.end() && id->is_string() ? id->get<std::string>() : "";
}

std::vector<std::string> headersFor(const SendOptions& options, const std::string& body) {
  const HmacKey key(secretFrom(options.secret_env));
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(SystemClock().wallNow().time_since_epoch());
  std::vector<std::string> headers = {
      "Content-Type: application/json", "X-Unique-Signature: " + hex(key.sign(body)),
      "X-Unique-Created-At: " + std::to_string(now.count()), "X-Unique-Version: 1.0.0"};
  const std::string id = options.id.empty() ? idIn(body) : options.id;
  if (!id.empty()) headers.push_back("X-Unique-Id: " + id);
  headers.insert(headers.end(), options.headers.begin(), options.headers.end());
  return headers;
}

}  // namespace

int runSend(const SendOptions& options, std::ostream& out, std::ostream& err) {
  HttpRequest request;
  request.method = "POST";
  request.url = options.to;
  request.body = readEvent(options.file);
  request.headers = headersFor(options, request.body);
  const Result<HttpReply> reply = httpCall(request);
  if (!reply) {
    err << "modhost send: no answer from " << options.to << " (" << reply.error().message << ")\n";
    return 1;
  }
  out << reply.value().status << ' ' << reply.value().body << '\n';
  return reply.value().status / 100 == 2 ? 0 : 1;
}

void addSendCommand(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* command = app.add_subcommand("send", "Signs an event and posts it to a host, once.");
  auto options = std::make_shared<SendOptions>();
  command->add_option("event", options->file, "JSON file with the event, or - for standard input")
      ->type_name("FILE")
      ->required();
  command->add_option("--to", options->to, "The host's webhook")->capture_default_str();
  command->add_option("--secret-env", options->secret_env, "Environment variable with the secret")
      ->capture_default_str();
  command->add_option("--id", options->id, "X-Unique-Id; by default the event's own id");
  command->add_option("--header", options->headers, "Further header, \"Name: value\"; repeatable")
      ->take_all()
      ->allow_extra_args(false);
  command->callback([options, &chosen] {
    chosen = [options] { return runSend(*options, std::cout, std::cerr); };
  });
}

}  // namespace modhost::host
