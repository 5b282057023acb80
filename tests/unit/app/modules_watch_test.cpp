#include "host/app/modules_watch.h"

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "tests/support/eventually.h"
#include "tests/support/temp_folder.h"

namespace modhost::host {
namespace {

namespace fs = std::filesystem;

struct Watched {
  TempFolder folder;
  std::atomic<int> changes{0};
  std::unique_ptr<ModulesWatch> watch =
      ModulesWatch::start(folder.path().string(), [this] { ++changes; }).take();

  void write(const std::string& name) const { std::ofstream(folder.file(name)) << "x"; }
};

}  // namespace

TEST_SUITE_BEGIN("modules watch");

TEST_CASE("modules watch: a module that is renamed in or written is noticed") {
  Watched watched;
  watched.write("a.so");
  CHECK(eventually([&] { return watched.changes == 1; }));

  watched.write("b.new");
  fs::rename(watched.folder.file("b.new"), watched.folder.file("b.so"));
  CHECK(eventually([&] { return watched.changes == 2; }));
}

TEST_CASE("modules watch: files that come together are one change and others are none") {
  Watched watched;
  watched.write("notes.txt");
  for (int i = 0; i < 50; ++i) watched.write("m" + std::to_string(i) + ".so");
  CHECK(eventually([&] { return watched.changes >= 1; }));

  // A machine may stall in the middle of the fifty, but not between each two of them.
  CHECK(watched.changes < 10);
}

TEST_CASE("modules watch: a folder that goes away is watched no more") {
  Watched watched;
  fs::remove_all(watched.folder.path());

  CHECK(eventually([&] { return !watched.watch->alive(); }));
}

TEST_CASE("modules watch: a folder that is not there is refused by its name") {
  const auto started = ModulesWatch::start("/nowhere/modules", [] {});

  REQUIRE(!started.ok());
  CHECK(started.error().message ==
        "/nowhere/modules: cannot be watched: No such file or directory");
}

TEST_SUITE_END();

}  // namespace modhost::host
