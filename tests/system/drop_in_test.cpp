// A module that was built out of tree, against the installed package alone, is dropped into
// modules_dir, named in modules.yaml, and answers. Nothing in host/ knows of it.
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/system/main_job.h"

namespace modhost::host {
namespace {

// A host whose modules_dir holds one file of the package test, and whose routes lead to it.
void dropIn(HostProcess& host, const std::string& id, const std::string& event,
            const std::string& more = "") {
  const std::string modules_dir = host.file("modules");
  std::filesystem::create_directory(modules_dir);
  std::filesystem::copy_file(MODHOST_TEST_PACKAGE_MODULES "/" + id + ".so",
                             modules_dir + "/" + id + ".so");
  host.setVariable("MODULES_DIR", modules_dir);
  host.configure("modules:\n  - {id: " + id + more + "}\nroutes:\n  - {event: " + event +
                 ", to: " + id + "}\n");
}

}  // namespace

TEST_SUITE_BEGIN("system");

TEST_CASE("drop in: a C++ module built against the package answers") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  dropIn(host, "my-module", "unique.chat.external-module.chosen",
         ", answers: true, config: {greeting: Moin.}");
  host.start();

  REQUIRE(postWebhook(host.port(), chosenEventBody("evt_1")).status == 200);

  CHECK(platform.waitFor(
      [&] { return answered(platform, "evt_1", "Moin. I know 3 documents about that."); }));
  CHECK(platform.rows().at(0).statuses.back() == "COMPLETED");
  CHECK(host.terminate().exit_status == 0);
}

TEST_CASE("drop in: a module in plain C handles an event") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  dropIn(host, "c-module", "\"unique.*\"");
  host.start();

  REQUIRE(postWebhook(host.port(), userMessageEventBody("evt_2")).status == 200);

  CHECK(eventually([&] {
    return httpGet(host.adminPort(), "/status").body.find("\"done\":1") != std::string::npos;
  }));
  CHECK(host.terminate().exit_status == 0);
}

TEST_CASE("drop in: the listing shows what lies in the folder and what is wrong with it") {
  HostProcess host("http://127.0.0.1:1");
  dropIn(host, "my-module", "unique.*");
  writeFile(host.file("modules") + "/notes.so", "not a module");

  CHECK(host.run({"modules"}).exit_status == 1);

  CHECK(host.output().find("my-module 1.0.0 (worker)") != std::string::npos);
  CHECK(host.output().find("notes.so") != std::string::npos);
}

TEST_SUITE_END();

}  // namespace modhost::host
