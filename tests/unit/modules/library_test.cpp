#include "host/modules/library.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "host/modules/sanitized.h"
#include "tests/support/temp_folder.h"

using namespace modhost::host;
namespace fs = std::filesystem;

namespace {

std::string tiny(const std::string& name) {
  return std::string(TINY_MODULES_FOLDER) + "/" + name + ".so";
}

RunDir runDir(const TempFolder& folder) {
  Result<RunDir> opened = RunDir::open(folder.file("run"));
  REQUIRE(opened.ok());
  return opened.take();
}

ModuleCopy copyOf(const std::string& name, const RunDir& run_dir) {
  Result<ModuleCopy> copy = ModuleCopy::make(tiny(name), run_dir);
  REQUIRE(copy.ok());
  return copy.take();
}

std::string loadRefusal(const std::string& name) {
  TempFolder folder;
  const ModuleCopy copy = copyOf(name, runDir(folder));
  const auto library = SharedLibrary::load(copy.path(), copy.source(), copy.note());
  REQUIRE_FALSE(library.ok());
  return library.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

std::size_t filesIn(const std::string& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

TEST_SUITE("library") {
  TEST_CASE("library: a copy has a name of its own each time and goes with its owner") {
    TempFolder folder;
    const RunDir run_dir = runDir(folder);
    {
      const ModuleCopy first = copyOf("ok_module", run_dir);
      const ModuleCopy second = copyOf("ok_module", run_dir);

      CHECK(first.path() != second.path());
      struct stat status {};
      REQUIRE(::stat(first.path().c_str(), &status) == 0);
      CHECK((status.st_mode & 0777) == 0500);
      CHECK(filesIn(run_dir.path()) == 2);
    }
    CHECK(filesIn(run_dir.path()) == 0);
  }

  TEST_CASE(
      "library: the run dir is made private and copies of dead processes are removed from it") {
    TempFolder folder;
    fs::create_directory(folder.file("run"));
    const auto touch = [&](const std::string& name) {
      std::ofstream(folder.file("run/" + name)) << "x";
    };
    touch("ok-module-999999999-123-1-0a0b0c0d.so");  // no such process
    touch("ok-module-" + std::to_string(::getpid()) +
          "-1-1-0a0b0c0d.so");  // its pid, another start
    touch("somebody-elses.so");
    touch("notes.txt");
    const ModuleCopy kept = copyOf("ok_module", runDir(folder));

    const Result<RunDir> again = RunDir::open(folder.file("run"));

    REQUIRE(again.ok());
    CHECK(filesIn(folder.file("run")) == 3);
    CHECK(fs::exists(kept.path()));
    CHECK(fs::exists(folder.file("run/somebody-elses.so")));
    const Result<RunDir> fresh = RunDir::open(folder.file("fresh/run"));
    REQUIRE(fresh.ok());
    struct stat status {};
    REQUIRE(::stat(folder.file("fresh/run").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0700);
  }

  TEST_CASE("library: a run dir from which no code can be loaded is refused") {
    const Result<RunDir> run_dir = RunDir::open("/proc/modhost");
    REQUIRE_FALSE(run_dir.ok());
    CHECK(contains(run_dir.error().message, "/proc/modhost"));
  }

  TEST_CASE("library: a module is described by its descriptor") {
    TempFolder folder;
    const ModuleCopy copy = copyOf("ok_module", runDir(folder));

    auto library = SharedLibrary::load(copy.path(), copy.source(), copy.note());

    REQUIRE(library.ok());
    const ModuleDescription& about = library.value()->description();
    CHECK(about.id == "ok-module");
    CHECK(about.version == "1.2.3");
    CHECK(about.event_types == std::vector<std::string>{"test.*"});
    CHECK(about.concurrency_max == 8);
    CHECK(about.timeout_default == Milliseconds(5000));
    CHECK(about.worker_allowed);
    CHECK(about.in_process_allowed);
    CHECK(library.value()->unload() == !kSanitized);
  }

  TEST_CASE("library: a descriptor that cannot be trusted is refused with the reason") {
    CHECK(contains(loadRefusal("no_entry"), "does not export modhost_module_v1"));
    CHECK(contains(loadRefusal("null_entry"), "returned null"));
    CHECK(contains(loadRefusal("null_handle"), "lacks one of create"));
    CHECK(contains(loadRefusal("short_descriptor"), "too short"));
    CHECK(contains(loadRefusal("note_id_differs"), "disagree"));
    CHECK(contains(loadRefusal("note_id_differs"), tiny("note_id_differs")));
  }

  TEST_CASE("library: an incompatible file is refused before its constructor can run") {
    TempFolder folder;
    // Its constructor aborts: had it been loaded, this test would be gone.
    const Result<ModuleCopy> copy = ModuleCopy::make(tiny("wrong_major"), runDir(folder));
    REQUIRE_FALSE(copy.ok());
    CHECK(contains(copy.error().message, "needs ABI 2.0"));
  }

  TEST_CASE("library: replacing the original does not touch what is loaded") {
    TempFolder folder;
    const RunDir run_dir = runDir(folder);
    fs::copy_file(tiny("ok_module"), folder.file("m.so"));
    Result<ModuleCopy> copy = ModuleCopy::make(folder.file("m.so"), run_dir);
    REQUIRE(copy.ok());
    auto library = SharedLibrary::load(copy.value().path(), "m.so", copy.value().note());
    REQUIRE(library.ok());

    fs::resize_file(folder.file("m.so"), 0);

    CHECK(std::string(library.value()->table().id.data, 9) == "ok-module");
    library.value()->unload();
  }
}
