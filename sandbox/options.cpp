#include "sandbox/options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>

#include "host/base/startup_error.h"

namespace modhost::sandbox {
namespace {

constexpr long long kDurationMsMax = 86'400'000;

// What the options hold before they are understood.
struct Arguments {
  std::string folder, listen = "127.0.0.1:8096", webhook = "http://127.0.0.1:8080/webhook";
  std::string secret_env = "UNIQUE_ENDPOINT_SECRET", database = ":memory:";
  std::string llm_url, llm_model, llm_key_env, latency = "0", llm_latency = "0";
  std::string user = "sandbox-user", company = "sandbox-company";
  std::string port_file;
  std::vector<std::string> fail, modules = {"rag-responder"};
  bool verbose = false;
};

std::string checkDuration(const std::string& text) {
  return parseDuration(text) ? "" : "expected a duration such as 20ms, 2s or 1m, found " + text;
}

std::string checkRule(const std::string& text) {
  if (parseFailRule(text)) return "";
  return "expected METHOD PATH=STATUS|html|cut[:TIMES], such as \"PATCH /messages=429:3\", found " +
         text;
}

std::string checkWebUrl(const std::string& text) {
  const bool web = text.starts_with("http://") || text.starts_with("https://");
  return web ? "" : "expected a URL that begins with http:// or https://, found " + text;
}

std::string checkWebhook(const std::string& text) {
  return text == "none" ? "" : checkWebUrl(text);
}

void addOptions(CLI::App& app, Arguments& to) {
  app.add_option("DIR", to.folder, "Folder with the .md and .txt files to search")->required();
  app.add_option("--listen", to.listen, "Address of the API and the page; port 0 takes a free one")
      ->capture_default_str();
  app.add_option("--webhook", to.webhook, "Where events are sent; none: nowhere")
      ->check(checkWebhook)
      ->capture_default_str();
  app.add_option("--secret-env", to.secret_env, "Environment variable with the webhook secret")
      ->capture_default_str();
  app.add_option("--module", to.modules,
                 "Name of the chosen module in the events; given several times, the page offers "
                 "them all")
      ->take_all()
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--user", to.user, "User id in the events")->capture_default_str();
  app.add_option("--company", to.company, "Company id in the events")->capture_default_str();
  app.add_option("--db", to.database, "SQLite file that keeps the chats, or :memory:")
      ->capture_default_str();
  app.add_option("--llm-url", to.llm_url,
                 "OpenAI-compatible API that completes, such as http://127.0.0.1:11434/v1; "
                 "without it answers are quotes from the documents")
      ->check(checkWebUrl);
  app.add_option("--llm-model", to.llm_model, "Model to ask instead of the one a module names");
  app.add_option("--llm-key-env", to.llm_key_env, "Environment variable with that API's key");
  app.add_option("--latency", to.latency, "Pause before every API call")
      ->check(checkDuration)
      ->capture_default_str();
  app.add_option("--llm-latency", to.llm_latency, "Further pause before completions")
      ->check(checkDuration)
      ->capture_default_str();
  app.add_option("--fail", to.fail,
                 "Fault on purpose, METHOD PATH=STATUS|html|cut[:TIMES]; can be repeated")
      ->check(checkRule)
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--port-file", to.port_file, "File to write the port to once it answers");
  app.add_flag("--verbose", to.verbose, "Log every API call");
  app.set_version_flag("--version", MODHOST_VERSION);
}

// The variable's value; never empty.
std::string fromEnvironment(const std::string& name, const std::string& instead) {
  const char* value = std::getenv(name.c_str());
  if (value != nullptr && *value != '\0') return value;
  throw host::StartupError(
      "environment", name + " is not set or empty; export it as the host has it, or " + instead);
}

std::optional<DelivererSettings> webhooksFrom(const Arguments& from) {
  if (from.webhook == "none") return std::nullopt;
  DelivererSettings webhooks;
  webhooks.url = from.webhook;
  webhooks.secret = fromEnvironment(
      from.secret_env,
      "name another variable with --secret-env, or send no events with --webhook none");
  return webhooks;
}

std::optional<LanguageModel> modelFrom(const Arguments& from) {
  if (from.llm_url.empty()) return std::nullopt;
  LanguageModel model;
  model.url = from.llm_url;
  model.model = from.llm_model;
  if (!from.llm_key_env.empty()) {
    model.key = fromEnvironment(from.llm_key_env, "leave --llm-key-env out");
  }
  return model;
}

Options understood(const Arguments& from) {
  Options options;
  SandboxSettings& settings = options.settings;
  settings.folder = from.folder;
  settings.database = from.database;
  settings.server = {from.listen, *parseDuration(from.latency), *parseDuration(from.llm_latency)};
  settings.webhooks = webhooksFrom(from);
  settings.model = modelFrom(from);
  settings.desk = {{from.user, from.company}, from.modules};
  for (const std::string& rule : from.fail) settings.faults.push_back(*parseFailRule(rule));
  options.secret_env = from.secret_env;
  options.port_file = from.port_file;
  options.verbose = from.verbose;
  return options;
}

}  // namespace

std::optional<host::Milliseconds> parseDuration(const std::string& text) {
  long long number = 0;
  const char* end_of_text = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), end_of_text, number);
  const std::string_view unit(end, static_cast<std::size_t>(end_of_text - end));
  if (error != std::errc() || number < 0 || number > kDurationMsMax) return std::nullopt;
  long long factor = 0;
  if (unit == "ms" || (unit.empty() && number == 0)) factor = 1;
  if (unit == "s") factor = 1000;
  if (unit == "m") factor = 60'000;
  if (factor == 0 || number > kDurationMsMax / factor) return std::nullopt;
  return host::Milliseconds(number * factor);
}

std::optional<Options> readOptions(int argc, char** argv, int& exit_code) {
  CLI::App app(
      "The platform on your desk: serves the Unique API over the documents of a folder and "
      "sends signed webhooks to a host.",
      "modhost-sandbox");
  Arguments arguments;
  addOptions(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error) == 0 ? 0 : 2;
    return std::nullopt;
  }
  return understood(arguments);
}

}  // namespace modhost::sandbox
