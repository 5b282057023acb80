// Does what the event's text tells it to, well or badly. The text holds one mood per module that is
// built of this file, "answer watch": moody (which answers) reads the first, onlooker the second.
//
//   mood = ["answer-" | "once-"] ending      "once-": the ending in the first attempt, then an answer
//
// Every text it writes names the event and the one run of handle() that wrote it.
#include <modhost/modhost.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <sstream>
#include <string>
#include <thread>

namespace {

using modhost::Context;
using modhost::Event;
using modhost::Outcome;

std::string moodIn(const std::string& text) {
  std::istringstream words(text);
  std::string mood;
  for (int word = 0; word <= MOODY_WORD; ++word) words >> mood;
  return mood;
}

bool dropPrefix(std::string& text, const std::string& prefix) {
  if (text.rfind(prefix, 0) != 0) return false;
  text.erase(0, prefix.size());
  return true;
}

std::string nameOfThisRun() {
  static std::atomic<int> runs{0};
  return std::to_string(::getpid()) + "-" + std::to_string(++runs);
}

[[noreturn]] void neverReturn() {
  for (;;) std::this_thread::sleep_for(std::chrono::seconds(1));
}

Outcome untilCancelled(const Context& context) {
  while (!context.cancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return Outcome::failed("cancelled");
}

class Moody final : public modhost::IExternalModule {
  Outcome handle(const Event& event, Context& context) override {
    const std::string run = event.id() + " by " + nameOfThisRun();
    std::string mood = moodIn(event.userText());
    const auto step =
        context.unique().createMessageLog({.text = "run " + run, .order = MOODY_STEP});
    const bool recovers = dropPrefix(mood, "once-") && context.attempt() > 1;
    if (dropPrefix(mood, "answer-") || recovers) {
      context.unique().modifyMessage({.text = "answer to " + run});
    }
    return endAs(recovers ? "well" : mood, step.id, context);
  }

  static Outcome endAs(const std::string& ending, const std::string& step, Context& context) {
    if (ending == "throw") throw modhost::Error("in the mood to throw");
    if (ending == "segv") ::raise(SIGSEGV);
    if (ending == "exit") ::_exit(3);
    if (ending == "overrun") neverReturn();
    if (ending == "late") return untilCancelled(context);
    if (ending == "skip") return Outcome::skipped();
    if (ending == "reject") return Outcome::reject("in the mood to reject");
    if (ending == "retry")
      return Outcome::retry("in the mood to wait", std::chrono::milliseconds(30));
    if (ending == "open") return Outcome::ok();
    context.unique().updateMessageLog({.id = step, .status = modhost::LogStatus::kCompleted});
    return Outcome::ok();
  }
};

}  // namespace

MODHOST_EXPORT_MODULE(Moody, {.id = MOODY_ID,
                              .version = "1.0.0",
                              .description = "For the ledger test",
                              .event_types = {"unique.*"},
                              .concurrency = 16});
