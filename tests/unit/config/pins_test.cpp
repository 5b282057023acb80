#include "host/config/pins.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/unit/config/config_file.h"

namespace modhost::host {
namespace {

const std::string kA(64, 'a');
const std::string kB(64, 'b');

const Pins kPins = {{"a", "/m/a.so", kA}, {"b", "/m/b.so", kB}};

std::string pinned(const std::string& text, const Pins& pins = kPins) {
  const std::string once = pinnedText("f.yaml", text, pins);
  CHECK(pinnedText("f.yaml", once, pins) == once);
  return once;
}

std::string refusedPinning(const std::string& text, const Pins& pins = kPins) {
  try {
    return pinnedText("f.yaml", text, pins);
  } catch (const StartupError& error) {
    return error.what();
  }
}

}  // namespace

TEST_SUITE_BEGIN("config");

TEST_CASE("pins: an entry on lines of its own gets a line below its id") {
  CHECK(pinned("# top\nmodules:\n  - id: a   # first\n    timeout: 5s\n\n  # and\n  - timeout: "
               "5s\n    \"id\": 'b'") ==
        "# top\nmodules:\n  - id: a   # first\n    sha256: " + kA +
            "\n    timeout: 5s\n\n  # and\n  - timeout: 5s\n    \"id\": 'b'\n    sha256: " + kB);
}

TEST_CASE("pins: an entry in braces gets a member behind its id") {
  CHECK(pinned(
            "modules:\n  - {id: a, timeout: 5s}  # x\n  - { timeout: 5s, id: \"b\" }\nlog: {}\n") ==
        "modules:\n  - {id: a, sha256: " + kA +
            ", timeout: 5s}  # x\n  - { timeout: 5s, id: \"b\", "
            "sha256: " +
            kB + " }\nlog: {}\n");
  CHECK(pinned("modules: [{id: a}, {id: b}]\n") ==
        "modules: [{id: a, sha256: " + kA + "}, {id: b, sha256: " + kB + "}]\n");
}

TEST_CASE("pins: a sum that is there is replaced where it stands") {
  CHECK(pinned("modules:\n- id: a\n  sha256: \"" + kB + "\"  # old\n- {id: b, sha256: " + kA +
               "}\n") ==
        "modules:\n- id: a\n  sha256: " + kA + "  # old\n- {id: b, sha256: " + kB + "}\n");
}

TEST_CASE("pins: the example of the tree is pinned with its comments") {
  const std::string text = wholeText(std::string(MODHOST_SOURCE_DIR) + "/modules.yaml");
  std::string expected = text;
  expected =
      replaced(expected, "- id: rag-responder\n", "- id: rag-responder\n    sha256: " + kA + "\n");
  expected = replaced(expected, "- id: message-logger\n",
                      "- id: message-logger\n    sha256: " + kB + "\n");

  CHECK(expected.size() == text.size() + 2 * (4 + 8 + 64 + 1));
  CHECK(pinned(text, {{"rag-responder", "", kA}, {"message-logger", "", kB}}) == expected);
}

// The sums were given out by position: what was written before the file's middle had changed went to
// the neighbour.
TEST_CASE("pins: an entry is found by its id and path wherever it stands") {
  const std::string at_a = "\n  sha256: " + kA, at_b = "\n  sha256: " + kB;
  CHECK(pinned("modules:\n- id: b\n- id: new\n- id: a\n") ==
        "modules:\n- id: b" + at_b + "\n- id: new\n- id: a" + at_a + "\n");
  const Variable name("PINNED_MODULE", "a");
  CHECK(pinned("modules:\n- id: b\n- id: ${PINNED_MODULE}\n  path: /m/../m/a.so\n") ==
        "modules:\n- id: b" + at_b + "\n- id: ${PINNED_MODULE}" + at_a +
            "\n  path: /m/../m/a.so\n");

  for (const char* text :
       {"modules:\n- id: a\n", "modules:\n- id: a\n- {id: b, path: /m/b2.so}\n"}) {
    CHECK(refusedPinning(text) ==
          "f.yaml: was edited while its modules were summed: module b has another path now, or is "
          "gone; accepted: the same again");
  }
}

TEST_CASE("pins: what would change more is refused") {
  const Variable sum("SUM", kB);
  const Pins only_a = {kPins.front()};
  CHECK(refusedPinning("modules: [{id: a, sha256: \"${SUM}\"}]\n", only_a) ==
        "f.yaml:1:27: sha256 comes from a variable; accepted: one that stands here");
  CHECK(refusedPinning("x: &x {id: a}\nmodules: [*x]\n", only_a)
            .find("f.yaml: modules is written in a way that cannot be pinned") == 0);
  CHECK(refusedPinning("modules:\n- id: >-\n    a\n  timeout: 5s\n", only_a).find("f.yaml") == 0);
  // Not what the parser says of the text that pinning made, with a line that the file has not.
  for (const char* text : {"modules:\n- sha256:\n  id: a\n", "modules:\n- ? id\n  : a\n"}) {
    CHECK(refusedPinning(text, only_a).find("f.yaml: modules is written in a way") == 0);
  }
}

TEST_CASE("pins: the file is replaced with its mode and only when something changes") {
  ConfigFile file(minimal("modules: [{id: a}]\n"));
  std::filesystem::create_symlink(file.path(), file.path("link.yaml"));
  REQUIRE(::chmod(file.path().c_str(), 0640) == 0);

  CHECK(pinModules(file.path("link.yaml"), {kPins.front()}));
  CHECK_FALSE(pinModules(file.path("link.yaml"), {kPins.front()}));

  CHECK(file.load().modules.front().sha256 == kA);
  struct stat status {};
  REQUIRE(::lstat(file.path().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777u) == 0640);
  CHECK(std::filesystem::is_symlink(file.path("link.yaml")));
  CHECK(std::distance(std::filesystem::directory_iterator(file.path("")), {}) == 2);
}

}  // namespace modhost::host
