// A host with the module "reloadable", and what the tests of reloads ask of it.
#pragma once

#include <doctest/doctest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/events.h"
#include "tests/support/host_process.h"
#include "tests/support/recording_platform.h"

namespace modhost::host {

// A route for the module, or for another one that is the same by another name.
inline constexpr char kChosenRoute[] =
    "routes:\n  - {event: unique.chat.external-module.chosen, to: reloadable}\n";

class ReloadHost {
 public:
  // `entry`: more keys of the module's entry, each after ", ".
  explicit ReloadHost(const std::string& isolation = "worker", const std::string& entry = "")
      : host(platform.apiBase()), isolation_(isolation) {
    std::filesystem::create_directory(host.file("modules"));
    host.setVariable("MODULES_DIR", host.file("modules"));
    bring("v1");
    configure(entry);
  }

  void start() { host.start(); }

  // `top`: further lines of the file's top level.
  void configure(const std::string& entry, const std::string& top = "modules_watch: false\n") {
    host.configure(top + "modules:\n  - {id: reloadable, answers: true, isolation: " + isolation_ +
                   entry + "}\n" + kChosenRoute);
  }

  // Renames a build of the module in, as a deployment does.
  void bring(const std::string& build) {
    bringFile(RELOAD_MODULES_FOLDER "/reloadable-" + build + ".so");
  }
  void bringFile(const std::string& file) {
    const std::string beside = host.file("modules") + "/reloadable.so.new";
    std::filesystem::copy_file(file, beside, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::rename(beside, host.file("modules") + "/reloadable.so");
  }

  // Asks by SIGHUP, and returns when the reload is over. True: it was done; false: it was refused.
  bool reload() {
    const double done = reloads("done");
    const double refused = reloads("refused");
    ::kill(host.pid(), SIGHUP);
    const bool over =
        eventually([&] { return reloads("done") + reloads("refused") > done + refused; });
    REQUIRE_MESSAGE(over, host.log());
    return reloads("done") > done;
  }
  double reloads(const std::string& result) const {
    return metric("modhost_reloads_total{result=\"" + result + "\"}");
  }
  double metric(const std::string& name) const {
    const std::string text = httpGet(host.adminPort(), "/metrics").body;
    const std::size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::atof(text.c_str() + at + name.size() + 2);
  }

  nlohmann::json status() const {
    return nlohmann::json::parse(httpGet(host.adminPort(), "/status").body);
  }
  // The generation that serves; 0: the module does not.
  int serving() const {
    const nlohmann::json all = status();
    for (const auto& module : all.at("modules")) {
      if (module["id"] == "reloadable") return module["generation"];
    }
    return 0;
  }
  // "draining", "unloaded", "still mapped", or "" for one that is not known.
  std::string stateOf(int generation) const {
    const nlohmann::json all = status();
    for (const auto& old : all.at("generations")) {
      if (old["id"] == "reloadable" && old["generation"] == generation) return old["state"];
    }
    return "";
  }
  bool ended(int generation) const {
    const std::string state = stateOf(generation);
    return state == "unloaded" || state == "still mapped";
  }

  int ask(const std::string& event) const {
    return postWebhook(host.port(), chosenEventBody(event, "Q", "chat_" + event)).status;
  }
  std::string answerTo(const std::string& event) const {
    const auto message = platform.message("msg_a_" + event);
    return message && message->text.is_string() ? message->text.get<std::string>() : "";
  }
  bool answers(const std::string& event, const std::string& text) const {
    REQUIRE(ask(event) == 200);
    const bool answered = eventually([&] { return !answerTo(event).empty(); });
    CHECK(answerTo(event) == text);
    return answered && answerTo(event) == text;
  }
  bool logged(const std::string& text) const { return host.log().find(text) != std::string::npos; }
  // What is to be seen elsewhere may be said in the log a moment later.
  bool comesToLog(const std::string& text) const {
    return eventually([&] { return logged(text); });
  }

  RecordingPlatform platform;
  HostProcess host;

 private:
  const std::string isolation_;
};

}  // namespace modhost::host
