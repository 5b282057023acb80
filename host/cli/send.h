// modhost send: signs an event as the platform does and posts it once.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace modhost::host {

struct SendOptions {
  std::string file;  // "-": standard input
  std::string to = "http://127.0.0.1:8080/webhook";
  std::string secret_env = "UNIQUE_ENDPOINT_SECRET";
  std::string id = {};                    // X-Unique-Id; empty: the body's own, if it has one
  std::vector<std::string> headers = {};  // further header lines, "Name: value"
};

// Signs the bytes exactly as they are read; nothing is parsed, trimmed or added, so that a broken
// event can be sent too. Prints the answer's status and body. 0: 2xx. 1: any other answer, or none.
// Throws StartupError when the file or the secret is missing.
int runSend(const SendOptions& options, std::ostream& out, std::ostream& err);

void addSendCommand(CLI::App& app, std::function<int()>& chosen);

}  // namespace modhost::host
