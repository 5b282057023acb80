// The chat is followed by long-polling: each reply is the whole chat, and what is new in it is
// printed.
#include "host/cli/ask.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "host/base/json_depth.h"
#include "host/base/time_text.h"
#include "host/cli/http_client.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;

constexpr Milliseconds kPollMax{10'000};
// What a poll may take longer than the sandbox was asked to wait.
constexpr Milliseconds kPollGrace{5'000};

// rag-responder's default; where it is configured otherwise, a FAILED step tells.
constexpr std::string_view kApology =
    "Sorry, something went wrong processing your request. Please try again.";

std::string textOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// Text from a module or a document must not steer the terminal.
std::string printable(const std::string& text) {
  std::string clean;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\t' || (byte >= 0x20 && byte != 0x7F)) clean += c;
  }
  return clean;
}

struct Asked {
  std::string chat_id;
  std::string message_id;  // of the assistant message to be filled
};

// What the latest view of the chat says about our answer.
struct Progress {
  std::string answer;       // empty: none yet
  bool failed = false;      // a step FAILED, or the answer is the apology
  std::string undelivered;  // why the host will never get the event; empty: it has or may
  std::string waiting_for;  // why the host has not got it yet; empty: it has
  std::vector<Json> steps;  // the message's logs, in their order
};

std::string reasonOf(const Json& delivery) {
  const std::string error = textOf(delivery, "error");
  return error.empty() ? "it answered " + std::to_string(delivery.value("status", 0)) : error;
}

void readDeliveries(const Json& chat, Progress& progress) {
  for (const Json& delivery : chat.value("deliveries", Json::array())) {
    const std::string state = textOf(delivery, "state");
    if (state == "expired" || state == "gave_up") progress.undelivered = reasonOf(delivery);
    if (state == "waiting" && delivery.value("tries", 0) > 0) {
      progress.waiting_for = reasonOf(delivery);
    }
  }
}

// A message that is streamed has text before it is done.
bool isDone(const Json& message) {
  if (textOf(message, "text").empty()) return false;
  return textOf(message, "startedStreamingAt").empty() ||
         !textOf(message, "stoppedStreamingAt").empty() || !textOf(message, "completedAt").empty();
}

Progress readChat(const Json& chat, const Asked& asked) {
  Progress progress;
  readDeliveries(chat, progress);
  for (const Json& message : chat.value("messages", Json::array())) {
    if (textOf(message, "id") != asked.message_id) continue;
    if (isDone(message)) progress.answer = textOf(message, "text");
    progress.failed = progress.answer == kApology;
    for (const Json& log : message.value("logs", Json::array())) {
      progress.failed = progress.failed || textOf(log, "status") == "FAILED";
      progress.steps.push_back(log);
    }
  }
  return progress;
}

// Prints a step when it starts ("  ● Searching…") and, on the same line where possible, how it
// ended.
class StepPrinter {
 public:
  explicit StepPrinter(std::ostream& out) : out_(out) {}

  void show(const std::vector<Json>& steps) {
    for (const Json& step : steps) showStep(step);
    out_.flush();
  }

  void endLine() {
    if (!open_.empty()) out_ << '\n';
    open_.clear();
  }

 private:
  void showStep(const Json& step) {
    const std::string id = textOf(step, "id");
    const std::string status = textOf(step, "status");
    std::string& shown = shown_[id];
    if (shown == status) return;
    shown = status;
    const std::string text = printable(textOf(step, "text"));
    if (status == "RUNNING") {
      endLine();
      out_ << "  ● " << text;
      open_ = id;
    } else {
      if (open_ != id) endLine();
      out_ << "  " << (status == "FAILED" ? "✗ " : "✓ ") << text;
      open_ = id;
      endLine();
    }
  }

  std::ostream& out_;
  std::map<std::string, std::string> shown_;  // the status printed last, by log id
  std::string open_;                          // the log whose line is not ended; empty: none
};

class Asking {
 public:
  Asking(const AskOptions& options, std::ostream& out, std::ostream& err)
      : options_(options), out_(out), err_(err), printer_(out) {}

  int run() {
    const std::optional<Asked> asked = ask();
    if (!asked) return 1;
    const std::optional<Progress> progress = follow(*asked);
    if (!progress) return 1;
    return options_.json ? printJson(*asked, *progress) : printEnd(*progress);
  }

 private:
  std::optional<Asked> ask() {
    // Replacing invalid UTF-8, which a terminal can send, where dump() would throw.
    const std::string body =
        Json{{"text", options_.question}}.dump(-1, ' ', false, Json::error_handler_t::replace);
    const std::optional<Json> reply =
        call({"POST", "/sandbox/ask", {"Content-Type: application/json"}, body, options_.timeout});
    if (!reply) return std::nullopt;
    return Asked{textOf(*reply, "chatId"), textOf(*reply, "assistantMessageId")};
  }

  // Until there is an answer, there can be none any more, or time is up.
  std::optional<Progress> follow(const Asked& asked) {
    std::int64_t version = -1;
    while (true) {
      const Milliseconds wait = std::min(left(), kPollMax);
      const std::string path = "/sandbox/chats/" + asked.chat_id +
                               "?after=" + std::to_string(version) +
                               "&wait=" + std::to_string(wait.count());
      const std::optional<Json> chat = call({"GET", path, {}, "", wait + kPollGrace});
      if (!chat) return std::nullopt;
      version = chat->value("version", std::int64_t{0});
      Progress progress = readChat(*chat, asked);
      if (!options_.json) show(progress);
      const bool ended = !progress.answer.empty() || !progress.undelivered.empty();
      if (ended || left().count() == 0) return progress;
    }
  }

  void show(const Progress& progress) {
    printer_.show(progress.steps);
    if (progress.waiting_for.empty() || !told_.insert(progress.waiting_for).second) return;
    printer_.endLine();
    err_ << "  … the host has not taken the event: " << printable(progress.waiting_for)
         << "; the sandbox tries again\n";
  }

  int printEnd(const Progress& progress) {
    printer_.endLine();
    if (!progress.answer.empty()) out_ << '\n' << printable(progress.answer) << '\n';
    if (!explain(progress)) return 0;
    return 1;
  }

  int printJson(const Asked& asked, const Progress& progress) {
    const bool answered = !progress.answer.empty() && !progress.failed;
    out_ << Json{{"chatId", asked.chat_id},
                 {"assistantMessageId", asked.message_id},
                 {"answered", answered},
                 {"answer", progress.answer},
                 {"steps", progress.steps}}
                .dump(2)
         << '\n';
    explain(progress);
    return answered ? 0 : 1;
  }

  // True when something went wrong, which is then said.
  bool explain(const Progress& progress) {
    if (!progress.answer.empty() && !progress.failed) return false;
    err_ << "modhost ask: ";
    if (!progress.answer.empty()) {
      err_ << "the module could not answer; the host's log and `modhost events list` say why\n";
    } else if (!progress.undelivered.empty()) {
      err_ << "the host did not take the event: " << printable(progress.undelivered)
           << ". Is it running, with the sandbox's secret?\n";
    } else if (!progress.waiting_for.empty()) {
      err_ << "no answer within " << durationText(options_.timeout)
           << "; the host has not taken the event: " << printable(progress.waiting_for) << '\n';
    } else {
      err_ << "no answer within " << durationText(options_.timeout)
           << "; is a module routed for unique.chat.external-module.chosen?\n";
    }
    return true;
  }

  Milliseconds left() const {
    const auto passed = std::chrono::duration_cast<Milliseconds>(clock_.steadyNow() - begin_);
    return std::max(options_.timeout - passed, Milliseconds(0));
  }

  // The reply's JSON object; nullopt: there was none, and `err_` says why. `url` is below the
  // sandbox's.
  std::optional<Json> call(HttpRequest request) {
    request.url = options_.sandbox + request.url;
    const Result<HttpReply> reply = httpCall(request);
    if (!reply) {
      printer_.endLine();
      err_ << "modhost ask: no sandbox at " << options_.sandbox << " (" << reply.error().message
           << "); start one with: modhost sandbox docs/\n";
      return std::nullopt;
    }
    return parsed(reply.value());
  }

  std::optional<Json> parsed(const HttpReply& reply) {
    const bool shallow = jsonDepthWithin(reply.body);
    Json json = shallow ? Json::parse(reply.body, nullptr, false) : Json();
    if (reply.status == 200 && json.is_object()) return json;
    const Json error = json.is_object() ? json.value("error", Json()) : Json();
    err_ << "modhost ask: " << options_.sandbox << " answered " << reply.status
         << (error.is_object() ? ": " + printable(textOf(error, "message"))
                               : "; is that a sandbox?")
         << '\n';
    return std::nullopt;
  }

  const AskOptions& options_;
  std::ostream& out_;
  std::ostream& err_;
  StepPrinter printer_;
  std::set<std::string> told_;
  SystemClock clock_;
  const SteadyTime begin_ = clock_.steadyNow();
};

}  // namespace

int runAsk(const AskOptions& options, std::ostream& out, std::ostream& err) {
  AskOptions asked = options;
  while (asked.sandbox.ends_with('/')) asked.sandbox.pop_back();
  return Asking(asked, out, err).run();
}

void addAskCommand(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* command = app.add_subcommand("ask", "Asks a sandbox and shows steps and answer.");
  auto options = std::make_shared<AskOptions>();
  auto seconds = std::make_shared<int>(120);
  command->add_option("question", options->question, "What to ask")->required();
  command->add_option("--sandbox", options->sandbox, "Where the sandbox listens")
      ->capture_default_str();
  command->add_option("--timeout", *seconds, "How long to wait for the answer, 120s or 2m")
      ->transform(CLI::AsNumberWithUnit(std::map<std::string, int>{{"s", 1}, {"m", 60}}))
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  command->add_flag("--json", options->json, "One JSON object at the end instead of lines");
  command->callback([options, seconds, &chosen] {
    options->timeout = std::chrono::seconds(*seconds);
    chosen = [options] { return runAsk(*options, std::cout, std::cerr); };
  });
}

}  // namespace modhost::host
