// modhost-sandbox: reads the command line, says what it serves, and waits for a signal.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>

#include "host/base/log.h"
#include "host/base/startup_error.h"
#include "sandbox/options.h"
#include "sandbox/outgoing.h"

namespace {

using modhost::host::StartupError;
using modhost::sandbox::Options;
using modhost::sandbox::Sandbox;

constexpr int kExitCannotStart = 2;

// Before the first thread, so that every thread inherits it and only sigwait() sees the end coming.
sigset_t blockEndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

bool colourWanted() {
  const char* no_colour = std::getenv("NO_COLOR");
  return (no_colour == nullptr || *no_colour == '\0') && isatty(STDOUT_FILENO) == 1;
}

void line(const char* label, const std::string& text) {
  const bool colour = colourWanted();
  std::printf("  %s%-10s%s %s\n", colour ? "\x1b[2m" : "", label, colour ? "\x1b[0m" : "",
              text.c_str());
}

// "1 file", "2 files"
std::string counted(std::size_t count, const std::string& noun) {
  return std::to_string(count) + ' ' + noun + (count == 1 ? "" : "s");
}

std::string webhookLine(const Options& options) {
  if (!options.settings.webhooks) return "none are sent (--webhook none)";
  return options.settings.webhooks->url + ", signed with $" + options.secret_env;
}

std::string answersLine(const Options& options) {
  if (!options.settings.model) return "quoted from the documents (--llm-url asks a language model)";
  return "from the language model at " + options.settings.model->url;
}

void printBanner(const Options& options, const Sandbox& sandbox) {
  const bool colour = colourWanted();
  std::printf("%smodhost sandbox%s %s\n", colour ? "\x1b[1m" : "", colour ? "\x1b[0m" : "",
              MODHOST_VERSION);
  line("documents", counted(sandbox.documentCount(), "file") + ", " +
                        counted(sandbox.passageCount(), "passage") + " from " +
                        options.settings.folder.string());
  line("API", sandbox.url() + "  (the host's UNIQUE_API_BASE; any key will do)");
  line("page", sandbox.url() + "/");
  line("webhooks", webhookLine(options));
  line("answers", answersLine(options));
  line("ask", "modhost ask --sandbox " + sandbox.url() + " \"your question\"");
  for (const std::string& file : sandbox.skipped()) line("left out", file);
  if (sandbox.documentCount() == 0)
    line("warning", "no .md or .txt file: every search finds nothing");
}

// Renamed into place, so that whoever waits for the file never reads half a number.
void writePortFile(const std::filesystem::path& file, const std::string& url) {
  if (file.empty()) return;
  const std::filesystem::path half = file.string() + ".new";
  std::ofstream stream(half);
  stream << url.substr(url.rfind(':') + 1) << '\n';
  stream.close();
  std::error_code error;
  if (stream) std::filesystem::rename(half, file, error);
  if (!stream || error) throw StartupError(file.string(), "the port file cannot be written");
}

int serve(const Options& options, const sigset_t& end_signals) {
  modhost::host::SystemClock clock;
  modhost::sandbox::initOutgoing();
  const Sandbox sandbox(options.settings, clock);
  printBanner(options, sandbox);
  writePortFile(options.port_file, sandbox.url());
  std::printf("sandbox ready on %s\n", sandbox.url().c_str());
  std::fflush(stdout);
  int received = 0;
  sigwait(&end_signals, &received);
  return 0;
}

int run(int argc, char** argv) {
  int exit_code = 0;
  const std::optional<Options> options = modhost::sandbox::readOptions(argc, argv, exit_code);
  if (!options) return exit_code;
  const sigset_t end_signals = blockEndSignals();
  using modhost::host::LogLevel;
  modhost::host::logInit({.level = options->verbose ? LogLevel::kDebug : LogLevel::kInfo});
  return serve(*options, end_signals);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "modhost-sandbox: " << error.what() << '\n';
    return kExitCannotStart;
  }
}
