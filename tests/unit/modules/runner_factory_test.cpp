#include "host/modules/runner_factory.h"

#include <dlfcn.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>

#include "host/modules/sanitized.h"
#include "tests/unit/modules/harness.h"

using namespace modhost::host;

namespace {

bool contains(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

const std::vector<Isolation> kBoth = {Isolation::kInProcess, Isolation::kWorker};

}  // namespace

TEST_SUITE("runner_factory") {
  TEST_CASE("runner_factory: a module that refuses to start is refused in its own words") {
    for (const Isolation isolation : kBoth) {
      Harness harness(isolation);
      CHECK(contains(harness.errorOf("create_refuses"), "no instance today"));
      CHECK(contains(harness.errorOf("start_refuses"),
                     "module start-refuses: it refused to start: the index is missing"));
    }
  }

  TEST_CASE("runner_factory: a config that does not fit is refused with its place in the file") {
    for (const Isolation isolation : kBoth) {
      Harness harness(isolation);
      ModuleSettings settings = harness.settingsOf("configured");
      settings.config_where = "modules.yaml:12:5";
      settings.config_json = R"({"limit": 0})";

      const std::string error = harness.errorOf(settings);
      CHECK(contains(error,
                     "modules.yaml:12:5: module configured: config at /limit: found a number"));
      CHECK(contains(error, "minimum 1"));

      settings.config_json = R"({"limit": 5})";
      CHECK(harness.tryMake(settings).ok());
    }
  }

  TEST_CASE(
      "runner_factory: a file that is no module or another one is refused before it is loaded") {
    for (const Isolation isolation : kBoth) {
      Harness harness(isolation);
      CHECK(contains(harness.errorOf("missing"), "not found"));
      CHECK(contains(harness.errorOf("no_note"), "is it a modhost module?"));
      CHECK(contains(harness.errorOf("wrong_major"), "needs ABI 2.0"));
      CHECK(contains(harness.errorOf("null_entry"), "returned null"));
      ModuleSettings settings = harness.settingsOf("ok_module");
      settings.id = "another";
      CHECK(contains(harness.errorOf(settings),
                     "found module ok-module; the configuration calls it another"));
    }
  }

  TEST_CASE("runner_factory: isolation and concurrency stay within what the module allows") {
    Harness harness;
    CHECK(contains(harness.errorOf("worker_only"), "accepts only worker"));
    ModuleSettings settings = harness.settingsOf("ok_module");
    settings.concurrency = 9;
    CHECK(contains(harness.errorOf(settings), "the module accepts 1 to 8"));
  }

  TEST_CASE("runner_factory: a constructor that crashes ends a worker and not the host") {
    Harness harness(Isolation::kWorker);
    CHECK(contains(harness.errorOf("crashes_on_load"), "killed by signal 6 (SIGABRT)"));
  }

  TEST_CASE("runner_factory: a constructor that wants more than its worker's memory is refused") {
    if (kSanitized) return;  // no limit then
    Harness harness(Isolation::kWorker);
    harness.runners.worker.memory_max_bytes = 128 << 20;
    const std::string death =
        "its worker ended while it was loaded: killed by signal 6 (SIGABRT); it last said: no "
        "memory for the index";

    CHECK(contains(harness.errorOf("hoards_on_load"), death));
    const auto inspected =
        inspectModule(tinyModule("hoards_on_load"), "", harness.runners, harness.clock);
    REQUIRE_FALSE(inspected.ok());
    CHECK(contains(inspected.error().message, death));

    const auto runner = harness.make("ok_module");
    CHECK(harness.ends.await(harness.start(*runner)).kind == Kind::kOk);
  }

  TEST_CASE("runner_factory: what a module says while it is loaded neither blocks it nor is lost") {
    Harness harness(Isolation::kWorker);
    CHECK(contains(harness.errorOf("exits_on_load"),
                   "exited with status 4; it last said: cannot find licence"));

    CHECK(harness.tryMake(harness.settingsOf("noisy_on_load")).ok());
  }

  TEST_CASE("runner_factory: a worker's module is never mapped into the host") {
    Harness harness(Isolation::kWorker);
    const auto runner = harness.make("ok_module");
    for (const auto& entry : std::filesystem::directory_iterator(harness.runners.run_dir)) {
      CHECK(::dlopen(entry.path().c_str(), RTLD_NOW | RTLD_NOLOAD) == nullptr);
    }
    CHECK(::dlopen(tinyModule("ok_module").c_str(), RTLD_NOW | RTLD_NOLOAD) == nullptr);
  }

  TEST_CASE("runner_factory: a pinned module is the pinned file or is refused with both sums") {
    for (const Isolation isolation : kBoth) {
      Harness harness(isolation);
      const std::string sum = moduleDigest(tinyModule("ok_module")).take();
      ModuleSettings settings = harness.settingsOf("ok_module");
      settings.sha256 = sum;
      CHECK(harness.tryMake(settings).ok());

      settings = harness.settingsOf("crashes_on_load");
      settings.sha256 = sum;
      const std::string error = harness.errorOf(settings);
      CHECK(contains(error, "found a file with SHA-256 " +
                                moduleDigest(tinyModule("crashes_on_load")).take() +
                                "; the configuration accepts " + sum + " alone"));
      const auto inspected = inspectModule(settings.path, sum, harness.runners, harness.clock);
      REQUIRE_FALSE(inspected.ok());
      CHECK(contains(inspected.error().message, "found a file with SHA-256"));
      // Under the sanitizers the pinned one stays mapped, and so its copy.
      const bool stays_mapped = kSanitized && isolation == Isolation::kInProcess;
      const std::filesystem::directory_iterator copies(harness.runners.run_dir);
      CHECK(std::distance(begin(copies), end(copies)) == (stays_mapped ? 1 : 0));
    }
  }

  TEST_CASE("runner_factory: a module's file that strangers can write or own is refused") {
    Harness harness;
    const TempFolder folder;
    ModuleSettings settings = harness.settingsOf("ok_module");
    settings.path = folder.file("m.so");
    std::filesystem::copy_file(tinyModule("ok_module"), settings.path);
    std::filesystem::permissions(settings.path, std::filesystem::perms(0757));

    CHECK(contains(harness.errorOf(settings), "has mode 0757, so that every user may write it"));

    std::filesystem::permissions(settings.path, std::filesystem::perms(0755));
    if (::geteuid() == 0 && ::chown(settings.path.c_str(), 12345, 0) == 0) {
      CHECK(contains(harness.errorOf(settings), "belongs to user 12345; accepted: root"));
    }
  }

  TEST_CASE(
      "runner_factory: inspection tells what a module says of itself and leaves nothing behind") {
    Harness harness;
    const Result<ModuleDescription> about =
        inspectModule(tinyModule("configured"), "", harness.runners, harness.clock);

    REQUIRE(about.ok());
    CHECK(about.value().id == "configured");
    CHECK(contains(about.value().config_schema, "\"limit\""));
    CHECK(std::filesystem::is_empty(harness.runners.run_dir));
  }
}
