// modhost ask: puts a question to a sandbox and shows the answer as it comes about.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "host/base/clock.h"

namespace CLI {
class App;
}

namespace modhost::host {

struct AskOptions {
  std::string question;
  std::string sandbox = "http://127.0.0.1:8096";
  Milliseconds timeout{120'000};  // from the question to the answer
  bool json = false;              // one JSON object at the end instead of lines as they come
};

// 0: answered. 1: no sandbox, no host, a failed step, the apology, or no answer in time; `err` says
// which. With `json` the object goes to `out` whatever the end, except when no sandbox answers.
int runAsk(const AskOptions& options, std::ostream& out, std::ostream& err);

void addAskCommand(CLI::App& app, std::function<int()>& chosen);

}  // namespace modhost::host
