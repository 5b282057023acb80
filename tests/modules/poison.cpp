// Answers "fine: <the user's text>", after a search that a test may hold up; but a text "poison:
// <how>" brings the worker into that trouble first, after the search and a word in the log. Its own
// file says which pids it forked.
#include <modhost/modhost.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <new>
#include <string>
#include <vector>

namespace {

using modhost::Context;

void spin(Context&) {
  for (volatile bool for_ever = true; for_ever;) {
  }
}

void deadlock(Context&) {
  static std::mutex mutex;
  mutex.lock();
  mutex.lock();  // never returns
}

// For good, in pieces that malloc gives.
void leak(Context&) {
  for (;;) {
    char* const piece = new char[1 << 20];
    for (int i = 0; i < 1 << 20; i += 4096) static_cast<volatile char*>(piece)[i] = 1;
  }
}

// Until nothing is left, and gives so much back that the event ends well.
void leakMost() {
  std::vector<char*> pieces;
  pieces.reserve(10'000);
  try {
    for (;;) pieces.push_back(new char[1 << 20]);
  } catch (const std::bad_alloc&) {
    for (int i = 0; i < 8; ++i) {
      delete[] pieces.back();
      pieces.pop_back();
    }
  }
}

void floodLog(Context& context) {
  for (int i = 0; i < 200'000; ++i) context.log(modhost::LogLevel::kInfo, "flood of the log");
}

void floodStderr(Context&) {
  for (int i = 0; i < 200'000; ++i) std::fputs("flood of stderr\n", stderr);
}

// The descriptor is no secret: modules must not use it, but can.
void garbage(Context&) {
  const std::string junk(100'000, '\xa5');
  [[maybe_unused]] const auto sent = ::send(3, junk.data(), junk.size(), MSG_NOSIGNAL);
}

// A child that would outlive its parent, and holds all of the worker's files open.
void forkOff(Context& context) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  std::ofstream(context.config().at("pids").get<std::string>(), std::ios::app) << child << '\n';
}

void run(const std::string& how, Context& context) {
  context.log(modhost::LogLevel::kInfo, "poisoned");
  if (how == "segv") *static_cast<volatile int*>(nullptr) = 1;
  if (how == "abort") std::abort();
  if (how == "exit") ::_exit(3);
  if (how == "killed") ::kill(::getpid(), SIGKILL);  // as the kernel does when memory is short
  if (how == "spin") spin(context);
  if (how == "deadlock") deadlock(context);
  if (how == "leak") leak(context);
  if (how == "leak-most") leakMost();
  if (how == "flood-log") floodLog(context);
  if (how == "flood-stderr") floodStderr(context);
  if (how == "garbage") garbage(context);
  if (how == "forks" || how == "forks-on") forkOff(context);
  if (how == "forks") ::_exit(5);
}

class Poison final : public modhost::IExternalModule {
  modhost::Outcome handle(const modhost::Event& event, Context& context) override {
    auto step = context.step("Working...");
    context.unique().search({.search_string = "anything", .limit = 1});
    const std::string text = event.userText();
    const std::string mark = "poison: ";
    if (text.rfind(mark, 0) == 0) run(text.substr(mark.size()), context);
    step.complete("Worked");
    context.unique().modifyMessage({.text = "fine: " + text});
    return modhost::Outcome::ok();
  }
};

}  // namespace

MODHOST_EXPORT_MODULE(Poison, {.id = "poison",
                               .version = "1.0.0",
                               .description = "For a test",
                               .event_types = {"unique.chat.external-module.chosen"},
                               .concurrency = 256})
