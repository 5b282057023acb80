// The manual pages and the shells' completions that the host makes of its own parser and table.
#include <doctest/doctest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "tests/support/host_process.h"

namespace modhost::host {
namespace {

const std::string kProgram = MODHOST_TEST_PROGRAM;

// What a program prints; it must end well.
std::string printedBy(const std::vector<std::string>& command) {
  const TempFolder folder;
  const pid_t pid = startProcess(command, {}, folder.file("out"), folder.file("err"));
  const int status = waitForEnd(pid).exit_status;
  INFO(fileText(folder.file("err")));
  CHECK(status == 0);
  return fileText(folder.file("out")) + fileText(folder.file("err"));
}

std::string shell(const std::string& script) { return printedBy({"/bin/bash", "-c", script}); }

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool installed(const std::string& program) {
  const bool is = std::filesystem::exists("/usr/bin/" + program);
  if (!is) MESSAGE("no " << program << " here: it is not asked");
  return is;
}

// A page as it reads, without roff's fonts and escapes.
std::string pageText(const std::string& page) {
  const std::string text = printedBy({kProgram, "manual", page});
  return std::regex_replace(std::regex_replace(text, std::regex(R"(\\f[BIR])"), ""),
                            std::regex(R"(\\-)"), "-");
}

// The first word of each line that stands under `heading` in a help.
std::vector<std::string> listedUnder(const std::string& help, const std::string& heading) {
  std::vector<std::string> words;
  std::istringstream lines(help);
  bool under = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("  ", 0) != 0) under = line == heading;
    const std::size_t begin = line.find_first_not_of(' ');
    if (under && begin == 2) words.push_back(line.substr(2, line.find(' ', 2) - 2));
  }
  return words;
}

std::string withBlanks(std::string names) {
  return std::regex_replace(names, std::regex(","), ", ");
}

// Every command below `words` and every option of it, as --help shows them, stands in the page.
void checkInPage(const std::string& page, std::vector<std::string> words) {
  words.insert(words.begin(), kProgram);
  words.push_back("--help");
  const std::string help = printedBy(words);
  words.erase(words.begin());
  words.pop_back();
  std::string usage = "modhost";
  for (const std::string& word : words) usage += " " + word;
  const std::size_t section = page.find(words.empty() ? ".SH OPTIONS" : ".SS " + usage + " [");
  REQUIRE_MESSAGE(section != std::string::npos, usage);
  const std::string part = page.substr(section, page.find("\n.S", section + 4) - section);
  const std::vector<std::string> options = listedUnder(help, "Options:");
  CHECK_FALSE(options.empty());
  for (const std::string& option : options) {
    CHECK_MESSAGE(has(part, "\n" + withBlanks(option)), usage << " " << option);
  }
  for (const std::string& command : listedUnder(help, "Subcommands:")) {
    words.push_back(command);
    if (command == "sandbox") CHECK(has(page, ".SS modhost sandbox [arguments...]"));
    if (command != "sandbox") checkInPage(page, words);
    words.pop_back();
  }
}

// What bash offers for the last of `words`, in a folder with the file `some file.yaml`.
std::set<std::string> offeredByBash(const std::vector<std::string>& words) {
  const TempFolder folder;
  writeFile(folder.file("some file.yaml"), "");
  std::string script = "source <(" + kProgram + " completion bash); cd " + folder.path().string() +
                       "; complete -p modhost >/dev/null && COMP_WORDS=(";
  for (const std::string& word : words) script += " '" + word + "'";
  script += " ); COMP_CWORD=" + std::to_string(words.size() - 1) +
            "; _modhost; for one in \"${COMPREPLY[@]}\"; do echo \"$one\"; done";
  std::set<std::string> offered;
  std::istringstream lines(shell(script));
  for (std::string line; std::getline(lines, line);) offered.insert(line);
  return offered;
}

using Words = std::set<std::string>;

TEST_SUITE_BEGIN("manuals");

TEST_CASE("manual: every command and option of --help stands in modhost.1") {
  checkInPage(pageText("modhost"), {});
}

TEST_CASE("manual: every key of the reference stands in modules.yaml.5") {
  const std::string page = pageText("modules.yaml");
  std::istringstream lines(printedBy({kProgram, "check", "--reference"}));
  int keys = 0;
  for (std::string line; std::getline(lines, line);) {
    std::smatch key;
    if (!std::regex_search(line, key, std::regex(R"(^\| `([a-z_0-9.]+)` \|)"))) continue;
    CHECK_MESSAGE(has(page, ".TP\n" + key[1].str() + "\n"), key[1].str());
    ++keys;
  }
  CHECK(keys > 60);
}

TEST_CASE("manual: groff has nothing to say of the pages") {
  if (!installed("groff")) return;
  for (const std::string page : {"modhost", "modules.yaml"}) {
    for (const std::string device : {"ascii", "utf8"}) {
      CHECK(shell(kProgram + " manual " + page + " | groff -man -ww -z -T" + device) == "");
    }
  }
}

TEST_CASE("completion: bash completes commands and options and values and files") {
  CHECK(offeredByBash({"modhost", "ev"}) == Words{"events"});
  CHECK(offeredByBash({"modhost", "events", "re"}) == Words{"replay"});
  CHECK(offeredByBash({"modhost", "events", "list", "--st"}) == Words{"--state"});
  CHECK(offeredByBash({"modhost", "events", "list", "--state", "d"}) == Words{"dead"});
  CHECK(offeredByBash({"modhost", "events", "list", "--state", "=", "cl"}) == Words{"closing"});
  CHECK(offeredByBash({"modhost", "events", "list", "--state", "="}).size() == 5);
  CHECK(offeredByBash({"modhost", "run", "-c", "so"}) == Words{"some file.yaml"});
  CHECK(offeredByBash({"modhost", "send", ""}) == Words{"some file.yaml"});
  CHECK(offeredByBash({"modhost", "completion", ""}) == Words{"bash", "fish", "zsh"});
  CHECK(offeredByBash({"modhost", "events", "list", "--module", ""}).empty());
  CHECK(offeredByBash({"modhost", "wo"}).empty());
}

TEST_CASE("completion: fish completes commands and options and files") {
  if (!installed("fish")) return;
  const TempFolder folder;
  writeFile(folder.file("some.yaml"), "");
  const auto offered = [&](const std::string& line) {
    return shell("cd " + folder.path().string() + " && HOME=$PWD fish --no-config -c \"" +
                 kProgram + " completion fish | source; complete -C '" + line + "'\" | cut -f1");
  };
  CHECK(offered("modhost ev") == "events\n");
  CHECK(offered("modhost events re") == "replay\n");
  CHECK(offered("modhost events list --st") == "--state\n");
  CHECK(offered("modhost run -c so") == "some.yaml\n");
}

TEST_CASE("completion: zsh reads its script") {
  if (!installed("zsh")) return;
  CHECK(shell(kProgram + " completion zsh | zsh -n") == "");
}

TEST_SUITE_END();

}  // namespace
}  // namespace modhost::host
