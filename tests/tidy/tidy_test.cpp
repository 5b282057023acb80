// The style rules that a machine can check, as a test: include arrows, one folder per foreign
// library, line length, dead files, banned calls. ARCHITECTURE.md draws the arrows; this is where
// they hold.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct SourceFile {
  std::string path;  // from the project's root
  std::vector<std::string> lines;
};

bool endsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool startsWith(const std::string& text, const std::string& start) {
  return text.rfind(start, 0) == 0;
}

SourceFile readSource(const fs::path& file) {
  SourceFile source{fs::relative(file, MODHOST_SOURCE_DIR).string(), {}};
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) source.lines.push_back(line);
  return source;
}

const std::vector<SourceFile>& sources() {
  static const std::vector<SourceFile> all = [] {
    std::vector<SourceFile> found;
    for (const char* top : {"host", "plugin-api", "plugins", "sandbox", "tests", "bench"}) {
      const fs::path folder = fs::path(MODHOST_SOURCE_DIR) / top;
      if (!fs::exists(folder)) continue;
      for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        const std::string name = entry.path().string();
        if (endsWith(name, ".h") || endsWith(name, ".cpp") || endsWith(name, ".c")) {
          found.push_back(readSource(entry.path()));
        }
      }
    }
    return found;
  }();
  return all;
}

// "host/inbox/inbox.h" → "inbox"; empty for what is not in a host folder.
std::string hostFolder(const std::string& path) {
  if (!startsWith(path, "host/")) return "";
  const std::size_t end = path.find('/', 5);
  return end == std::string::npos ? "" : path.substr(5, end - 5);
}

// The text between the marks of an #include; empty for other lines.
std::string included(const std::string& line) {
  if (!startsWith(line, "#include")) return "";
  const std::size_t start = line.find_first_of("<\"");
  const std::size_t end = line.find_last_of(">\"");
  return start == std::string::npos || end <= start ? "" : line.substr(start + 1, end - start - 1);
}

// Who may include whom. All of host may use base; app and cli, the composition roots, may use
// everything.
const std::map<std::string, std::set<std::string>>& arrows() {
  static const std::map<std::string, std::set<std::string>> allowed = {
      {"base", {}},
      {"config", {}},
      {"event", {}},
      {"platform", {}},
      {"routes", {"event"}},
      {"inbox", {"event"}},
      {"gate", {}},
      {"ingress", {"event", "routes", "inbox", "gate"}},
      {"modules", {"event"}},
      {"guard", {"event", "inbox", "platform", "modules"}},
      {"dispatch", {"event", "inbox", "modules", "guard"}},
      {"admin", {"inbox", "gate"}},
  };
  return allowed;
}

bool arrowAllowed(const std::string& from, const std::string& to) {
  if (to == from || to == "base" || from == "app" || from == "cli") return true;
  const auto entry = arrows().find(from);
  return entry != arrows().end() && entry->second.count(to) == 1;
}

struct Library {
  std::string include;            // prefix of what stands between the marks
  std::set<std::string> folders;  // where it may stand
};

const std::vector<Library>& libraries() {
  static const std::vector<Library> all = {
      {"sqlite3.h", {"host/inbox", "sandbox", "tests", "bench"}},
      {"dlfcn.h", {"host/modules", "tests"}},
      {"yaml-cpp/", {"host/config", "tests"}},
      {"Poco/", {"host/gate", "host/ingress", "host/admin", "sandbox", "tests", "bench"}},
      {"curl/", {"host/platform", "host/cli", "sandbox", "tests"}},
      {"openssl/", {"host/base", "tests", "bench"}},
      {"CLI/", {"host/cli", "sandbox"}},
      {"spdlog/", {"host/base"}},
      {"prometheus/", {"host/base"}},
      {"valijson/", {"host/modules", "tests"}},
      {"systemd/", {"host/app"}},
  };
  return all;
}

std::string at(const SourceFile& file, std::size_t line) {
  return file.path + ":" + std::to_string(line + 1);
}

// Columns as a reader counts them: continuation bytes of UTF-8 are none.
std::size_t columns(const std::string& line) {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

template <typename Visit>
void eachLine(Visit visit) {
  for (const SourceFile& file : sources()) {
    for (std::size_t i = 0; i < file.lines.size(); ++i) visit(file, i, file.lines[i]);
  }
}

std::string wholeFile(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Every CMakeLists.txt (and .cmake) of the tree in one string.
std::string allCMake() {
  std::string text;
  for (const auto& entry : fs::recursive_directory_iterator(MODHOST_SOURCE_DIR)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().string().find("/build") != std::string::npos) continue;
    if (name == "CMakeLists.txt" || endsWith(name, ".cmake")) text += wholeFile(entry.path());
  }
  return text;
}

}  // namespace

TEST_SUITE_BEGIN("tidy");

TEST_CASE("tidy: the tree was found") { CHECK(sources().size() > 50); }

TEST_CASE("tidy: includes between host folders follow the arrows") {
  eachLine([](const SourceFile& file, std::size_t i, const std::string& line) {
    const std::string from = hostFolder(file.path);
    const std::string to = hostFolder(included(line));
    if (from.empty() || to.empty()) return;
    CHECK_MESSAGE(arrowAllowed(from, to), at(file, i), ": ", from, " may not include ", to);
  });
}

TEST_CASE("tidy: modules see only the plugin api and nothing sees the tests") {
  eachLine([](const SourceFile& file, std::size_t i, const std::string& line) {
    const std::string what = included(line);
    const bool module = startsWith(file.path, "plugins/") || startsWith(file.path, "plugin-api/");
    if (module) CHECK_MESSAGE(!startsWith(what, "host/"), at(file, i), ": includes ", what);
    if (startsWith(file.path, "host/") || module || startsWith(file.path, "sandbox/")) {
      CHECK_MESSAGE(!startsWith(what, "tests/"), at(file, i), ": includes ", what);
    }
    if (startsWith(file.path, "sandbox/") && startsWith(what, "host/")) {
      CHECK_MESSAGE(startsWith(what, "host/base/"), at(file, i),
                    ": the sandbox is its own program");
    }
  });
}

TEST_CASE("tidy: each foreign library is included in its one folder only") {
  eachLine([](const SourceFile& file, std::size_t i, const std::string& line) {
    const std::string what = included(line);
    for (const Library& library : libraries()) {
      if (!startsWith(what, library.include)) continue;
      const bool home = std::any_of(
          library.folders.begin(), library.folders.end(),
          [&](const std::string& folder) { return startsWith(file.path, folder + "/"); });
      CHECK_MESSAGE(home, at(file, i), ": ", what, " does not belong here");
    }
  });
}

TEST_CASE("tidy: headers that cross folders do not pull in the whole of nlohmann") {
  std::set<std::string> crossing;
  eachLine([&](const SourceFile& file, std::size_t, const std::string& line) {
    const std::string to = hostFolder(included(line));
    if (!to.empty() && startsWith(file.path, "host/") && hostFolder(file.path) != to) {
      crossing.insert(included(line));
    }
  });
  eachLine([&](const SourceFile& file, std::size_t i, const std::string& line) {
    if (crossing.count(file.path) == 0) return;
    CHECK_MESSAGE(included(line) != "nlohmann/json.hpp", at(file, i), ": include json_fwd.hpp");
  });
}

TEST_CASE("tidy: base knows no JSON library") {
  eachLine([](const SourceFile& file, std::size_t i, const std::string& line) {
    if (hostFolder(file.path) != "base") return;
    CHECK_MESSAGE(!startsWith(included(line), "nlohmann/"), at(file, i));
  });
}

// clang-format keeps code within 100; tables, C comments and test data may run a little on.
TEST_CASE("tidy: no line is longer than 120 columns and none ends in blanks or holds a tab") {
  eachLine([](const SourceFile& file, std::size_t i, const std::string& line) {
    CHECK_MESSAGE(columns(line) <= 120, at(file, i), ": ", columns(line), " columns");
    CHECK_MESSAGE((line.empty() || line.back() != ' '), at(file, i), ": trailing blank");
    CHECK_MESSAGE(line.find('\t') == std::string::npos, at(file, i), ": tab");
  });
}

TEST_CASE("tidy: every source is named in a CMakeLists") {
  const std::string cmake = allCMake();
  for (const SourceFile& file : sources()) {
    if (endsWith(file.path, ".h")) continue;
    const std::string name = fs::path(file.path).filename().string();
    const std::string stem = fs::path(file.path).stem().string();
    CHECK_MESSAGE((cmake.find(name) != std::string::npos || cmake.find(stem) != std::string::npos),
                  file.path, " is built by nobody");
  }
}

TEST_CASE("tidy: headers are included once and say so with pragma once") {
  for (const SourceFile& file : sources()) {
    // abi.h and the C modules' own header are for any C compiler, so they guard in C's way.
    if (!endsWith(file.path, ".h") || endsWith(file.path, "abi.h")) continue;
    if (startsWith(file.path, "tests/modules/")) continue;
    const bool guarded =
        std::any_of(file.lines.begin(), file.lines.end(),
                    [](const std::string& line) { return line == "#pragma once"; });
    CHECK_MESSAGE(guarded, file.path);
  }
}

TEST_CASE("tidy: banned calls are not used") {
  // Spelled in halves, so that this file does not find itself.
  const std::vector<std::pair<std::string, std::string>> banned = {
      {std::string(".det") + "ach()", "a thread is a member with a stop"},
      {std::string("str") + "cpy(", "std::string"},
      {std::string("spr") + "intf(", "snprintf or fmt"},
      {std::string("std::s") + "ystem(", "posix_spawn"},
      {std::string("T") + "ODO", "an issue"},
      {std::string("FIX") + "ME", "an issue"},
  };
  eachLine([&](const SourceFile& file, std::size_t i, const std::string& line) {
    for (const auto& ban : banned) {
      const std::string& call = ban.first;
      const std::size_t found = line.find(call);
      if (found == std::string::npos) continue;
      const bool part_of_word =
          found > 0 && (std::isalnum(line[found - 1]) != 0 || line[found - 1] == '_');
      CHECK_MESSAGE(part_of_word, at(file, i), ": ", call, " → ", ban.second);
    }
  });
}

TEST_CASE("tidy: tests do not sleep to wait") {
  const std::string sleep = std::string("sleep_") + "for";
  eachLine([&](const SourceFile& file, std::size_t i, const std::string& line) {
    if (!startsWith(file.path, "tests/unit") && !startsWith(file.path, "tests/contract")) return;
    CHECK_MESSAGE(line.find(sleep) == std::string::npos, at(file, i));
  });
}

TEST_SUITE_END();
