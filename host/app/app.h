// App: the composition root. One struct whose members stand in start order; its destructor is the
// shutdown plan, in reverse: stop taking, drain what runs, stop the modules, close the inbox.
#pragma once

#include <memory>
#include <string>

#include "host/config/settings.h"

namespace modhost::host {

class Signals;
struct HandedSockets;

class App {
 public:
  // Builds and starts every part; when this returns, webhooks are answered. Throws StartupError,
  // and then nothing is left half started. `signals` outlives the App: a failed storage wakes it.
  // The sockets in `handed` are taken over.
  App(const Settings& settings, Signals& signals, const HandedSockets& handed);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  // The ports really bound (a configured 0 is any free one); 0 when the admin port is off.
  int webhookPort() const;
  int adminPort() const;

  // True once storage has failed for good: what was acknowledged is safe, nothing more is taken.
  bool storageFailed() const;

  // Some module in this process has a thread that never came back, from its start or since.
  bool hasStuckThreads() const;

  // Reads the configuration's file again and takes over what it has new, on a thread of its own;
  // returns at once. What fails leaves everything as it was, and the log says why.
  void requestReload(const std::string& trigger);

  // Graceful: webhooks get 503 from now on, running deliveries finish until `dispatch.drain`, the
  // rest is handed back. The destructor calls it too.
  void stop();

  // Somebody asked again: stop() waits for no running delivery any more, only for what is on the
  // wire. Any thread, while stop() runs.
  void hurry();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// `modhost run`: the App until SIGTERM or SIGINT; SIGHUP reloads. Exit codes: 0 stopped cleanly, 1 storage failed.
// Throws StartupError.
int runHost(const std::string& config_file);

}  // namespace modhost::host
