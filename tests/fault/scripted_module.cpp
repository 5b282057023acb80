// A module that does what the user's text says, word by word, so that one host can be shown every
// bad end at once:
//
//   step     opens a step and leaves it open      answer   writes the answer
//   search   asks the platform (a test may hold it)   wait     until it is told to give up
//   hang     longer than any deadline of a test    last: ok skip reject retry fail throw die
//
// Before it waits or hangs it says so in the log.
#include <modhost/modhost.h>

#include <chrono>
#include <cstdlib>
#include <sstream>
#include <string>
#include <thread>

namespace {

using modhost::Context;
using modhost::Event;
using modhost::Outcome;

class Scripted final : public modhost::IExternalModule {
  Outcome handle(const Event& event, Context& context) override {
    std::istringstream script{std::string(event.userText())};
    int order = 0;
    for (std::string word; script >> word;) {
      if (word == "step") openStep(context, ++order);
      if (word == "answer") context.unique().modifyMessage({.text = "Partial or whole."});
      if (word == "search") {
        context.unique().request("POST", "/search/search-string", {{"prompt", event.userText()}});
      }
      if (word == "wait" || word == "hang") context.log(modhost::LogLevel::kInfo, "waiting now");
      if (word == "wait") awaitCancel(context);
      if (word == "hang") std::this_thread::sleep_for(std::chrono::seconds(60));
      if (word == "skip") return Outcome::skipped("told to");
      if (word == "reject") return Outcome::reject("told to");
      if (word == "retry") return Outcome::retry("told to");
      if (word == "fail") return Outcome::failed("told to");
      if (word == "throw") throw modhost::Error("told to");
      if (word == "die") std::abort();
    }
    return Outcome::ok();
  }

  // Not context.step(), which would close it by itself.
  static void openStep(Context& context, int order) {
    context.unique().createMessageLog({.text = "Working...", .order = order});
  }

  static void awaitCancel(Context& context) {
    while (!context.cancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
};

}  // namespace

MODHOST_EXPORT_MODULE(Scripted, {.id = "scripted",
                                 .version = "1.0.0",
                                 .description = "Does what the user's text says",
                                 .event_types = {"unique.chat.external-module.chosen"},
                                 .concurrency = 64})
