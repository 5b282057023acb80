#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "host/config/dot_env.h"
#include "tests/unit/config/config_file.h"

namespace modhost::host {
namespace {

// A file whose apology is `value`, a YAML scalar.
std::string apologyOf(const std::string& value) {
  return loaded(minimal("dispatch: {apology: " + value + "}\n")).dispatch.apology;
}

std::string apologyRefusal(const std::string& value) {
  return refusal(minimal("dispatch: {apology: " + value + "}\n"));
}

bool contains(const std::vector<std::string>& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

TEST_SUITE_BEGIN("config");

TEST_CASE("variables: a value comes from the environment") {
  const Variable name("MODHOST_TEST_NAME", "Ada");

  CHECK(apologyOf("\"Sorry, ${MODHOST_TEST_NAME}!\"") == "Sorry, Ada!");
}

TEST_CASE("variables: a default stands in for what is not set or empty") {
  const Variable empty("MODHOST_TEST_EMPTY", "");

  CHECK(apologyOf("\"${MODHOST_TEST_UNSET:-no}\"") == "no");
  CHECK(apologyOf("\"${MODHOST_TEST_EMPTY:-no}\"") == "no");
  CHECK(apologyOf("\"a${MODHOST_TEST_EMPTY}b\"") == "ab");
}

TEST_CASE("variables: a default may hold further variables") {
  const Variable second("MODHOST_TEST_SECOND", "2nd");

  CHECK(apologyOf("\"${MODHOST_TEST_FIRST:-${MODHOST_TEST_SECOND}}\"") == "2nd");
  CHECK(apologyOf("\"${MODHOST_TEST_FIRST:-<${MODHOST_TEST_THIRD:-${MODHOST_TEST_SECOND}}>}\"") ==
        "<2nd>");
}

TEST_CASE("variables: two dollar signs are one and a lone one is itself") {
  const Variable name("MODHOST_TEST_NAME", "Ada");

  CHECK(apologyOf("\"$${MODHOST_TEST_NAME} $5 $$ $\"") == "${MODHOST_TEST_NAME} $5 $ $");
}

TEST_CASE("variables: a value is never searched for variables nor read as YAML") {
  const Variable value("MODHOST_TEST_NAME", "${HOME}, x: [1] # no\n- y");

  CHECK(apologyOf("\"${MODHOST_TEST_NAME}\"") == "${HOME}, x: [1] # no\n- y");
}

TEST_CASE("variables: in a free object an unquoted value takes its type but never a structure") {
  const Variable number("MODHOST_TEST_NUMBER", "7");
  const Variable list("MODHOST_TEST_LIST", "[1, 2]");
  const auto settings = loaded(
      minimal("modules:\n  - id: m\n    config:\n      plain: ${MODHOST_TEST_NUMBER}\n"
              "      quoted: \"${MODHOST_TEST_NUMBER}\"\n      list: ${MODHOST_TEST_LIST}\n"));

  CHECK(settings.modules[0].config_json == R"({"plain":7,"quoted":"7","list":"[1, 2]"})");
}

TEST_CASE("variables: one that is not set is refused with its place and the remedy") {
  ConfigFile file(minimal("dispatch: {apology: \"${MODHOST_TEST_UNSET}\"}\n"));

  CHECK(file.refusal() ==
        "modules.yaml:3:21: the variable MODHOST_TEST_UNSET is not set; accepted: it in the "
        "environment or in "
        ".env, or a default: ${MODHOST_TEST_UNSET:-…}");
}

TEST_CASE("variables: a chain of which none is set is refused with all its names") {
  CHECK(apologyRefusal("\"${MODHOST_TEST_X:-a} ${MODHOST_TEST_A:-${MODHOST_TEST_B}}\"") ==
        "modules.yaml:3:21: none of MODHOST_TEST_A, MODHOST_TEST_B is set; accepted: one of them "
        "in the "
        "environment or in .env, or a default: ${MODHOST_TEST_B:-…}");
}

TEST_CASE("variables: other forms are refused with their place") {
  const std::string accepted = "; accepted: ${NAME}, ${NAME:-default}, and $$ for a dollar sign";

  CHECK(apologyRefusal("\"${A\"") == "modules.yaml:3:21: ${ without its }" + accepted);
  CHECK(apologyRefusal("\"${}\"") == "modules.yaml:3:21: \"${}\" names no variable" + accepted);
  CHECK(apologyRefusal("\"${A-b}\"") ==
        "modules.yaml:3:21: \"${A-b}\" names no variable" + accepted);
  CHECK(apologyRefusal("\"${A:?b}\"") ==
        "modules.yaml:3:21: \"${A:?b}\" names no variable" + accepted);
  CHECK(apologyRefusal("\"${1A}\"") == "modules.yaml:3:21: \"${1A}\" names no variable" + accepted);
  CHECK(apologyRefusal("\"${" + std::string(256, 'A') + "}\"").find("names no variable") !=
        std::string::npos);
}

TEST_CASE("variables: nesting and size stop at their limits") {
  std::string nested = "x";
  for (int i = 0; i < 20'000; ++i) nested = "${A:-" + nested + "}";
  CHECK(apologyRefusal("\"" + nested + "\"") ==
        "modules.yaml:3:21: variables nested deeper than 8 levels");

  const Variable big("MODHOST_TEST_BIG", std::string(100'000, 'x'));
  std::string often;
  for (int i = 0; i < 50; ++i) often += "${MODHOST_TEST_BIG}";
  CHECK(apologyRefusal("\"" + often + "\"") ==
        "modules.yaml:3:21: variables bring more than 4194304 bytes into the file");
}

TEST_CASE("variables: a value that is no text is refused") {
  const Variable bad("MODHOST_TEST_BAD", "\xff");

  CHECK(apologyRefusal("\"${MODHOST_TEST_BAD}\"") ==
        "modules.yaml:3:21: the value of MODHOST_TEST_BAD is no text; accepted: UTF-8");
}

TEST_CASE("variables: the environment wins over the file beside it and both are told apart") {
  const Variable both("MODHOST_TEST_BOTH", "outside");
  ConfigFile file(
      minimal("dispatch: {apology: \"${MODHOST_TEST_BOTH} ${MODHOST_TEST_FILE} "
              "${MODHOST_TEST_UNSET:-x}\"}\n"));
  file.write(".env", "MODHOST_TEST_BOTH=inside\nMODHOST_TEST_FILE=inside\nUNUSED=1\n");

  const Settings settings = file.load();

  CHECK(settings.dispatch.apology == "outside inside x");
  CHECK(settings.variables.size() == 3);
  CHECK(contains(settings.variables, "MODHOST_TEST_BOTH from the environment"));
  CHECK(contains(settings.variables, "MODHOST_TEST_FILE from .env"));
  CHECK(contains(settings.variables, "MODHOST_TEST_UNSET is not set, its default is used"));
}

TEST_CASE("variables: a credential comes after the environment and before .env") {
  const TempFolder credentials;
  const Variable folder("CREDENTIALS_DIRECTORY", credentials.path().string());
  const Variable both("MODHOST_TEST_BOTH", "environment");
  std::ofstream(credentials.file("MODHOST_TEST_BOTH")) << "credential";
  std::ofstream(credentials.file("MODHOST_TEST_SECRET")) << "credential\n";
  const ConfigFile file(
      minimal("dispatch: {apology: \"${MODHOST_TEST_BOTH} ${MODHOST_TEST_SECRET}!\"}\n"));
  file.write(".env", "MODHOST_TEST_SECRET=inside\n");

  const Settings settings = file.load();

  CHECK(settings.dispatch.apology == "environment credential!");
  CHECK(contains(settings.variables, "MODHOST_TEST_SECRET from a credential"));
}

TEST_CASE("variables: where there are credentials the refusal names them") {
  const TempFolder credentials;
  const Variable folder("CREDENTIALS_DIRECTORY", credentials.path().string());

  CHECK(apologyRefusal("\"${MODHOST_TEST_UNSET}\"").find("as a credential") != std::string::npos);
}

TEST_CASE("variables: what a variable brought is never quoted in a refusal") {
  const Variable key("MODHOST_TEST_KEY", "topsecret");

  CHECK(refusal("listen: \"${MODHOST_TEST_KEY}\"\n") ==
        "modules.yaml:1:9: listen is \"${MODHOST_TEST_KEY}\", whose value is not shown; accepted: "
        "host:port "
        "such as 127.0.0.1:8080 or [::1]:8080");
}

TEST_CASE("dot env: names and values as shells and Docker write them") {
  ConfigFile file;
  file.write(".env",
             "# comment\n\nPLAIN=a b \nexport EXPORTED=x\r\nHASH=a#b # comment\nEMPTY=\n"
             "SINGLE='a # $b \\n' # comment\nDOUBLE=\"a\\n\\\"b\\\" \\$c \\x\"\nTWICE=1\nTWICE=2\n"
             "  SPACED = v\nEQUALS=a=b\nURL=\"https://h/\"\n");

  const auto values = readDotEnv(file.path(".env"));

  CHECK(values == std::map<std::string, std::string>{{"PLAIN", "a b"},
                                                     {"EXPORTED", "x"},
                                                     {"HASH", "a#b"},
                                                     {"EMPTY", ""},
                                                     {"SINGLE", "a # $b \\n"},
                                                     {"DOUBLE", "a\n\"b\" $c \\x"},
                                                     {"TWICE", "2"},
                                                     {"SPACED", "v"},
                                                     {"EQUALS", "a=b"},
                                                     {"URL", "https://h/"}});
}

TEST_CASE("dot env: a bad line is refused with its number and is not shown") {
  for (const char* bad : {"hunter2", "1A=hunter2", "A B=hunter2", "A='hunter2", "A=\"hunter2",
                          "A='hunter2' x", "=hunter2", "A=hunter2\xff"}) {
    ConfigFile file(minimal());
    file.write(".env", std::string("GOOD=1\n\n") + bad + "\n");
    CHECK(file.refusal() ==
          ".env:3: a line that cannot be read (it is not shown, as it may be secret); accepted: "
          "NAME=VALUE, "
          "NAME='VALUE' or NAME=\"VALUE\" on one line, or # comment");
  }
}

TEST_CASE("dot env: a folder of that name is refused and no file at all is fine") {
  ConfigFile file(minimal());
  CHECK(file.refusal() == "accepted");

  std::filesystem::create_directory(file.path(".env"));
  CHECK(file.refusal() == ".env: cannot be read (Is a directory); accepted: a readable file");
}

TEST_SUITE_END();

}  // namespace
}  // namespace modhost::host
