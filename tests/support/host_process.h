// HostProcess: the real modhost binary, with a folder, a configuration and an environment of its
// own. What it prints goes to files in that folder; ports are 0 and read back from its ready line.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/service_manager.h"
#include "tests/support/temp_folder.h"

namespace modhost::host {

inline constexpr char kTestSecret[] = "whsec_demo_secret";

// How a process ended: exit status, or the signal that killed it.
struct ProcessEnd {
  int exit_status = -1;
  int signal = 0;
};

// Starts a program with stdout and stderr in files and an environment that holds `variables` only
// (and PATH). It finds `sockets` as its descriptors 3, 4, … and announced.
pid_t startProcess(const std::vector<std::string>& arguments,
                   const std::map<std::string, std::string>& variables,
                   const std::string& stdout_file, const std::string& stderr_file,
                   const std::vector<NamedSocket>& sockets = {});
ProcessEnd waitForEnd(pid_t pid);

std::string fileText(const std::string& file);
void writeFile(const std::string& file, const std::string& text);

class HostProcess {
 public:
  // `platform_base` is where UNIQUE_API_BASE points. The folder, and so the inbox, outlives
  // restarts.
  explicit HostProcess(const std::string& platform_base);
  // Kills what still runs.
  ~HostProcess();
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;

  // The YAML after the head this class writes (listen, admin, webhook, platform, inbox): modules
  // and routes.
  void configure(const std::string& modules_and_routes);
  // Before configure(): the value of the key `inbox`.
  void setInbox(const std::string& yaml) { inbox_ = yaml; }
  // Before configure(): the value of the key `log`.
  void setLog(const std::string& yaml) { log_ = yaml; }
  void setVariable(const std::string& name, const std::string& value) { variables_[name] = value; }

  // What every start from now on is handed over; they stay the caller's.
  void handOver(const std::vector<NamedSocket>& sockets) { sockets_ = sockets; }

  // Starts `modhost run` and returns when it is ready; fails the test with its log when it ends
  // before.
  void start();
  // Runs another subcommand to its end, e.g. {"check"}; `-c` is added.
  ProcessEnd run(const std::vector<std::string>& arguments);

  ProcessEnd kill();       // SIGKILL, and waits
  ProcessEnd terminate();  // SIGTERM, and waits
  void signal(int number);
  ProcessEnd wait();  // until it ends by itself
  bool running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  // It is no more, though nobody told it to end; kill() or terminate() says how.
  bool endedByItself() const;
  std::vector<pid_t> children() const;

  int port() const { return port_; }
  int adminPort() const { return admin_port_; }
  std::string folder() const { return folder_.path().string(); }
  std::string file(const std::string& name) const { return folder_.file(name); }
  // All that was logged since the first start.
  std::string log() const { return fileText(file("stderr")); }
  std::string output() const { return fileText(file("stdout")); }

 private:
  TempFolder folder_;
  std::map<std::string, std::string> variables_;
  std::vector<NamedSocket> sockets_;
  std::string inbox_ = "{sqlite: {path: inbox.db}}";
  std::string log_ = "{format: text}";
  pid_t pid_ = 0;
  int port_ = 0;
  int admin_port_ = 0;
};

struct HttpAnswer {
  int status = 0;  // 0: no answer (refused, cut)
  std::string body;
  std::string retry_after;  // the header, empty when there was none
};

// A webhook as the platform sends it, over a fresh connection, which is cut when no answer came
// within `patience`. Any thread.
HttpAnswer postWebhook(int port, const std::string& body, const std::string& secret = kTestSecret,
                       std::chrono::milliseconds patience = std::chrono::seconds(60),
                       const std::vector<std::string>& more_headers = {});
HttpAnswer httpGet(int port, const std::string& path, const std::string& token = "");

}  // namespace modhost::host
