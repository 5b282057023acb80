// The real program: started on a free port, asked, answered by a module played here, stopped by a
// signal.
#include <doctest/doctest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "host/base/crypto.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/sandbox/client.h"
#include "tests/unit/sandbox/receiver.h"

namespace modhost::sandbox {
namespace {

class Program {
 public:
  explicit Program(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), MODHOST_SANDBOX_PROGRAM);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    char secret[] = "UNIQUE_ENDPOINT_SECRET=program-secret";
    char* environment[] = {secret, nullptr};
    REQUIRE(::posix_spawn(&pid_, MODHOST_SANDBOX_PROGRAM, nullptr, nullptr, argv.data(),
                          environment) == 0);
  }
  ~Program() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void signal(int number) { ::kill(pid_, number); }

  // The exit code; -1 when a signal ended it.
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = 0;
};

// Polls, for there is no event to wait on across processes.
std::string portIn(const std::string& file) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (std::chrono::steady_clock::now() < end) {
    std::ifstream stream(file);
    std::string port;
    if (std::getline(stream, port)) return port;
    std::this_thread::yield();
  }
  FAIL("no port file within a minute");
  return "";
}

nlohmann::json verifiedEvent(const Received& request) {
  CHECK(request.headers.at("X-Unique-Signature") ==
        host::hex(host::HmacKey("program-secret").sign(request.body)));
  return nlohmann::json::parse(request.body);
}

}  // namespace

TEST_SUITE("sandbox program") {
  TEST_CASE("program: a question travels to a module and back and a signal ends it cleanly") {
    Receiver module;
    const host::TempFolder folder;
    std::ofstream(folder.file("fees.md")) << "# Fees\n\nA SWIFT transfer costs 12 EUR.\n";
    Program program({folder.path().string(), "--listen", "127.0.0.1:0", "--port-file",
                     folder.file("port"), "--webhook", module.url(), "--db", folder.file("s.db")});
    const Client client{"http://127.0.0.1:" + portIn(folder.file("port"))};

    const auto asked = client.json("POST", "/sandbox/ask", {{"text", "What does SWIFT cost?"}});
    for (const Received& request : module.waitFor(2)) {
      const auto event = verifiedEvent(request);
      if (event["event"] == "unique.chat.external-module.chosen") {
        answerAsModule(client, event, "12 EUR");
      }
    }

    const auto chat = client.json("GET", "/sandbox/chats/" + asked["chatId"].get<std::string>());
    const auto& answer = chat["messages"][1];
    CHECK(answer["text"] == "12 EUR");
    REQUIRE(answer["logs"].size() == 2);
    CHECK(answer["logs"][0]["text"] == "Found 1 relevant documents");
    CHECK(answer["logs"][1]["status"] == "COMPLETED");
    program.signal(SIGTERM);
    CHECK(program.wait() == 0);
  }

  TEST_CASE("program: what it cannot start with ends with 2") {
    const host::TempFolder folder;

    CHECK(Program({}).wait() == 2);
    CHECK(Program({"/nowhere/at/all"}).wait() == 2);
    CHECK(Program({folder.path().string(), "--fail", "nonsense"}).wait() == 2);
    CHECK(Program({folder.path().string(), "--secret-env", "NOT_SET"}).wait() == 2);
    CHECK(Program({folder.path().string(), "--listen", "nonsense"}).wait() == 2);
  }
}

}  // namespace modhost::sandbox
