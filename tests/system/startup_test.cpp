// What can not start says so in one line, with the place, what was found and what is accepted, and
// exits 2.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>

#include "tests/system/main_job.h"

namespace modhost::host {
namespace {

constexpr char kNoPlatform[] = "http://127.0.0.1:1";

struct Refusal {
  ProcessEnd end;
  std::string line;
};

// Both `run` and `check` must refuse, with the same words.
Refusal refused(const std::string& modules_and_routes) {
  HostProcess host(kNoPlatform);
  host.configure(modules_and_routes);
  const ProcessEnd end = host.run({"check"});
  const std::string check_line = host.log();
  CHECK(host.run({"run"}).exit_status == 2);
  CHECK(host.log() == check_line + check_line);
  CHECK(std::count(check_line.begin(), check_line.end(), '\n') == 1);
  return {end, check_line};
}

void checkRefusal(const std::string& yaml, const std::vector<std::string>& words) {
  const Refusal refusal = refused(yaml);
  CHECK(refusal.end.exit_status == 2);
  for (const std::string& word : words) {
    CHECK_MESSAGE(refusal.line.find(word) != std::string::npos, "no <", word,
                  "> in: ", refusal.line);
  }
}

std::string moduleAt(const std::string& path) {
  return "modules:\n  - {id: echo, path: \"" + path + "\"}\nroutes: []\n";
}

}  // namespace

TEST_SUITE_BEGIN("system");

TEST_CASE("startup: a bad key or value is refused with its place and what is accepted") {
  checkRefusal("modlues: []\n", {"modules.yaml:9:1", "modlues", "modules"});
  checkRefusal("modules:\n  - {id: echo, concurrency: many}\n", {"modules.yaml:10:", "many"});
  checkRefusal("modules:\n  - {id: echo, timeout: 3 parsecs}\n",
               {"modules.yaml:10:", "3 parsecs", "300s"});
  checkRefusal("modules:\n  - {id: echo, path: \"${NOT_SET_ANYWHERE}\"}\n",
               {"modules.yaml:10:", "NOT_SET_ANYWHERE"});
  checkRefusal("modules: []\nroutes:\n  - {event: a, to: nobody}\n",
               {"modules.yaml:11:", "nobody"});
}

TEST_CASE("startup: a file that is no module of this host is refused before any of its code runs") {
  const TempFolder folder;
  checkRefusal(moduleAt(folder.file("absent.so")), {"absent.so"});
  writeFile(folder.file("text.so"), "not a library\n");
  checkRefusal(moduleAt(folder.file("text.so")), {"text.so", "ELF"});
  std::string elf = fileText(MODHOST_TEST_MODULES "/echo.so");
  REQUIRE(elf.size() > 1000);
  std::string narrow = elf;
  narrow[4] = 1;  // EI_CLASS: ELFCLASS32
  writeFile(folder.file("narrow.so"), narrow);
  checkRefusal(moduleAt(folder.file("narrow.so")), {"narrow.so", "32-bit"});
  writeFile(folder.file("cut.so"), elf.substr(0, 200));
  checkRefusal(moduleAt(folder.file("cut.so")), {"cut.so"});
}

TEST_CASE("startup: a module's settings are held against its schema") {
  checkRefusal("modules:\n  - id: rag-responder\n    config:\n      limit: lots\nroutes: []\n",
               {"modules.yaml:12:", "limit"});
  checkRefusal("modules:\n  - id: rag-responder\n    config: {limt: 3}\nroutes: []\n",
               {"modules.yaml:11:", "limt"});
}

TEST_CASE("startup: check accepts what run would and masks the secrets") {
  HostProcess host(kNoPlatform);
  host.configure(mainJobModules(host, "worker"));

  CHECK(host.run({"check"}).exit_status == 0);

  const std::string shown = host.output();
  CHECK(shown.find("rag-responder") != std::string::npos);
  CHECK(shown.find("***") != std::string::npos);
  CHECK(shown.find(kTestSecret) == std::string::npos);
  CHECK(shown.find("key-of-the-test") == std::string::npos);
}

TEST_CASE("startup: pinned modules are the pinned files or the host does not start") {
  HostProcess host(kNoPlatform);
  host.configure(mainJobModules(host, "worker"));
  const std::string before = fileText(host.file("modules.yaml"));

  CHECK(host.run({"modules", "--pin"}).exit_status == 0);
  const std::string pinned = fileText(host.file("modules.yaml"));
  CHECK(pinned != before);
  CHECK(host.run({"modules", "--pin"}).exit_status == 0);
  CHECK(fileText(host.file("modules.yaml")) == pinned);
  CHECK(host.run({"check"}).exit_status == 0);
  CHECK(host.run({"modules"}).exit_status == 0);
  CHECK(host.output().find(" (pinned)") != std::string::npos);

  const std::size_t sum = pinned.find("sha256: ") + 8;
  writeFile(host.file("modules.yaml"),
            pinned.substr(0, sum) + std::string(64, '0') + pinned.substr(sum + 64));
  CHECK(host.run({"run"}).exit_status == 2);
  CHECK(host.log().find("found a file with SHA-256 " + pinned.substr(sum, 64) +
                        "; the configuration accepts " + std::string(64, '0') + " alone") !=
        std::string::npos);
  CHECK(host.run({"modules"}).exit_status == 1);
}

TEST_CASE("startup: what about the machine may cost events is said by check and by run") {
  HostProcess host(kNoPlatform);
  host.setInbox("{sqlite: {path: inbox.db}, disk_free_min: 1024GiB}");
  host.configure("modules: []\nroutes: []\n");
  const std::string warning = "bytes free, less than inbox.disk_free_min";

  CHECK(host.run({"check"}).exit_status == 0);
  CHECK(host.log().find(warning) != std::string::npos);
  const std::size_t said = host.log().size();
  host.start();
  CHECK(host.log().find(warning, said) != std::string::npos);
  CHECK(host.terminate().exit_status == 0);
}

TEST_CASE("startup: a folder that every user may write is refused at start and at a reload") {
  HostProcess host(kNoPlatform);
  host.configure("modules: []\nroutes: []\n");
  host.start();
  REQUIRE(::chmod(host.folder().c_str(), 0777) == 0);

  host.signal(SIGHUP);

  CHECK(eventually([&] {
    return host.log().find("reload refused; everything stays as it was") != std::string::npos;
  }));
  CHECK(host.log().find(" has mode 0777, so that every user may write it") != std::string::npos);
  CHECK(postWebhook(host.port(), userMessageEventBody("evt_1")).status == 200);
  CHECK(host.terminate().exit_status == 0);
  CHECK(host.run({"run"}).exit_status == 2);
}

TEST_CASE("startup: a second host on the same inbox is refused") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.configure(mainJobModules(host, "in_process"));
  host.start();

  CHECK(host.run({"run"}).exit_status == 2);

  CHECK(host.log().find("inbox.db") != std::string::npos);
  CHECK(host.terminate().exit_status == 0);
}

TEST_CASE("startup: a port that is taken is refused") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.configure("modules: []\nroutes: []\n");
  std::string yaml = fileText(host.file("modules.yaml"));
  const std::string taken = "127.0.0.1:" + std::to_string(platform.port());
  yaml.replace(yaml.find("127.0.0.1:0"), 11, taken);
  writeFile(host.file("modules.yaml"), yaml);

  CHECK(host.run({"run"}).exit_status == 2);

  CHECK(host.log().find(taken) != std::string::npos);
}

TEST_CASE("startup: a mistyped command is named, with where the right ones are listed") {
  HostProcess host(kNoPlatform);
  host.configure("modules: []\nroutes: []\n");

  CHECK(host.run({"evnts"}).exit_status == 2);
  CHECK(host.run({"events", "lst"}).exit_status == 2);

  CHECK(host.log().find("\"evnts\"; modhost --help") != std::string::npos);
  CHECK(host.log().find("\"lst\"; modhost events --help") != std::string::npos);
}

TEST_CASE("startup: an empty host serves and stops cleanly") {
  HostProcess host(kNoPlatform);
  host.configure("modules: []\nroutes: []\n");
  host.start();

  CHECK(httpGet(host.port(), "/health").body == R"({"status":"ok"})");
  CHECK(httpGet(host.adminPort(), "/metrics").status == 200);
  CHECK(postWebhook(host.port(), userMessageEventBody("evt_1")).body == R"({"success":true})");
  CHECK(postWebhook(host.port(), userMessageEventBody("evt_2"), "wrong").status == 400);
  CHECK(host.terminate().exit_status == 0);
}

TEST_SUITE_END();

}  // namespace modhost::host
