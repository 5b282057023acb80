// platform.http2, against a gateway that speaks it: who shares a connection, and what its loss costs.
#include <doctest/doctest.h>
#include <signal.h>

#include <set>
#include <sstream>

#include "tests/support/certificate.h"
#include "tests/system/main_job.h"

namespace modhost::host {
namespace {

constexpr int kChats = 20;

// The gateway, with what it says of each request.
class Gateway {
 public:
  explicit Gateway(const RecordingPlatform& platform) {
    makeCertificate("localhost", folder_.file("key.pem"), certificate());
    pid_ = startProcess({"/usr/bin/env", "node", MODHOST_SOURCE_DIR "/tests/support/tls_front.mjs",
                         folder_.file("key.pem"), certificate(), std::to_string(platform.port())},
                        {}, folder_.file("said"), folder_.file("errors"));
    REQUIRE_MESSAGE(eventually([&] { return port() > 0; }), fileText(folder_.file("errors")));
  }
  ~Gateway() {
    ::kill(pid_, SIGKILL);
    waitForEnd(pid_);
  }

  std::string certificate() const { return folder_.file("certificate.pem"); }
  std::string apiBase() const {
    return "https://localhost:" + std::to_string(port()) + "/public/chat-gen2";
  }
  void cutAll() const { ::kill(pid_, SIGUSR2); }
  // On the connections there are, whatever comes.
  void silence() const { ::kill(pid_, SIGWINCH); }
  // It still accepts connections, as the kernel does that, and says nothing on them.
  void pause() const { ::kill(pid_, SIGSTOP); }
  void resume() const { ::kill(pid_, SIGCONT); }

  // The second and third word of every line about a request.
  std::set<std::string> versions() const { return words(1); }
  std::set<std::string> connections() const { return words(2); }

 private:
  int port() const {
    std::istringstream said(fileText(folder_.file("said")));
    std::string word;
    int number = 0;
    said >> word >> number;
    return number;
  }

  std::set<std::string> words(std::size_t nth) const {
    std::istringstream said(fileText(folder_.file("said")));
    std::set<std::string> found;
    for (std::string line; std::getline(said, line);) {
      std::istringstream parts(line);
      std::string word[3];
      parts >> word[0] >> word[1] >> word[2];
      if (word[0] == "request") found.insert(word[nth]);
    }
    return found;
  }

  TempFolder folder_;
  pid_t pid_ = 0;
};

struct Chats {
  explicit Chats(const std::string& http2, const std::string& more = "")
      : gateway(platform), host(gateway.apiBase()) {
    host.configure(mainJobModules(host, "in_process") + "dispatch: {stop_poll: 0}\n");
    std::string yaml = fileText(host.file("modules.yaml"));
    const std::string platform_key = "platform: {";
    const std::size_t at = yaml.find(platform_key);
    REQUIRE(at != std::string::npos);
    yaml.insert(at + platform_key.size(), "http2: " + http2 + ", connect_timeout: 5m, " + more +
                                              "ca_file: " + gateway.certificate() + ", ");
    writeFile(host.file("modules.yaml"), yaml);
    host.start();
  }

  void askAll() {
    for (int i = 0; i < kChats; ++i) {
      REQUIRE(postWebhook(host.port(), chosenEventBody(id(i), "Why?")).status == 200);
    }
  }
  bool allAnswered() {
    return platform.waitFor([&] {
      for (int i = 0; i < kChats; ++i) {
        if (!answered(platform, id(i))) return false;
      }
      return true;
    });
  }
  static std::string id(int i) { return "evt_" + std::to_string(i); }

  RecordingPlatform platform;
  Gateway gateway;
  HostProcess host;
};

TEST_CASE("http2: calls share one connection, also while it is being made") {
  Chats chats("true");
  const auto completions = chats.platform.hold({"POST", "/openai/chat/completions"});

  chats.gateway.pause();
  chats.askAll();
  const std::string all = "modhost_platform_calls_in_flight " + std::to_string(kChats) + "\n";
  REQUIRE(eventually([&] {
    return httpGet(chats.host.adminPort(), "/metrics").body.find(all) != std::string::npos;
  }));
  chats.gateway.resume();
  REQUIRE(completions->waitForArrivals(kChats));
  completions->release();

  CHECK(chats.allAnswered());
  CHECK(chats.gateway.versions() == std::set<std::string>{"2.0"});
  CHECK(chats.gateway.connections() == std::set<std::string>{"1"});
}

TEST_CASE("http2: without the switch every call has a connection for itself") {
  Chats chats("false");
  const auto completions = chats.platform.hold({"POST", "/openai/chat/completions"});

  chats.askAll();
  REQUIRE(completions->waitForArrivals(kChats));
  completions->release();

  CHECK(chats.allAnswered());
  CHECK(chats.gateway.versions() == std::set<std::string>{"1.1"});
  CHECK(chats.gateway.connections().size() >= kChats);
}

TEST_CASE("http2: a connection that is lost under all calls leaves every chat answered once") {
  Chats chats("true");
  const auto completions = chats.platform.hold({"POST", "/openai/chat/completions"});
  chats.askAll();
  REQUIRE(completions->waitForArrivals(kChats));

  chats.gateway.cutAll();
  REQUIRE(completions->waitForArrivals(2 * kChats));  // every call of the lost connection, again
  completions->release();

  CHECK(chats.allAnswered());
  for (int i = 0; i < kChats; ++i) {
    CHECK(chats.platform.message("msg_a_" + Chats::id(i))->patches.size() == 1);
  }
  CHECK(chats.gateway.versions() == std::set<std::string>{"2.0"});
}

TEST_CASE("http2: a connection that goes silent under all calls takes no further try along") {
  Chats chats("true", "call_timeout: 1s, tries: 10, ");
  const auto first = chats.platform.hold({"POST", "/search/search"});
  REQUIRE(postWebhook(chats.host.port(), chosenEventBody("evt_warm", "Why?")).status == 200);
  REQUIRE(first->waitForArrivals(1));

  chats.gateway.silence();
  first->release();
  chats.askAll();

  CHECK(chats.allAnswered());
  CHECK_FALSE(answered(chats.platform, Chats::id(0), kApology));
}

}  // namespace
}  // namespace modhost::host
