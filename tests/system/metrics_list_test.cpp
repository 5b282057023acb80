// The list of metrics in docs/operating.md is what a host shows, and what packaging/ ships for
// Prometheus and Grafana speaks of metrics in that list only.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "tests/system/main_job.h"

namespace modhost::host {
namespace {

constexpr char kListFile[] = MODHOST_SOURCE_DIR "/docs/operating.md";
constexpr char kListBegin[] = "<!-- metrics: begin -->\n";
constexpr char kListEnd[] = "<!-- metrics: end -->\n";
constexpr char kAlerts[] = MODHOST_SOURCE_DIR "/packaging/alerts.yaml";
constexpr char kAlertTests[] = MODHOST_SOURCE_DIR "/packaging/alerts_test.yaml";
constexpr char kDashboard[] = MODHOST_SOURCE_DIR "/packaging/grafana-dashboard.json";

struct Family {
  std::string type, help;
  std::set<std::string> labels;
};
using Families = std::map<std::string, Family>;

std::string familyOf(const std::string& series, const Families& families) {
  if (families.count(series) != 0) return series;
  return series.substr(0, series.rfind('_'));  // of a histogram
}

void readSeries(const std::string& line, Families& families) {
  const std::size_t end = line.find_first_of("{ ");
  Family& family = families.at(familyOf(line.substr(0, end), families));
  static const std::regex label(R"re(([a-z_]+)=")re");
  for (std::sregex_iterator it(line.begin(), line.end(), label), none; it != none; ++it) {
    if ((*it)[1] != "le") family.labels.insert((*it)[1]);
  }
}

// What modules declare themselves is theirs to document.
Families familiesIn(const std::string& scrape) {
  Families families;
  std::istringstream text(scrape);
  for (std::string line; std::getline(text, line);) {
    if (line.find("modhost_module_") != std::string::npos) continue;
    std::istringstream words(line);
    std::string hash, what, name;
    words >> hash >> what >> name;
    if (what == "HELP") families[name].help = line.substr(line.find(name) + name.size() + 1);
    if (what == "TYPE") words >> families[name].type;
    if (hash != "#") readSeries(line, families);
  }
  return families;
}

std::string joined(const std::set<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "`" : ", `") + word + "`";
  return text;
}

std::string tableOf(const Families& families) {
  std::string table = "| metric | type | labels | meaning |\n|---|---|---|---|\n";
  for (const auto& [name, family] : families) {
    table += "| `" + name + "` | " + family.type + " | " + joined(family.labels) + " | " +
             family.help + " |\n";
  }
  return table;
}

std::string listedTable() {
  const std::string text = fileText(kListFile);
  const std::size_t begin = text.find(kListBegin);
  const std::size_t end = text.find(kListEnd);
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  return text.substr(begin + sizeof kListBegin - 1, end - begin - sizeof kListBegin + 1);
}

void updateList(const std::string& table) {
  std::string text = fileText(kListFile);
  const std::size_t begin = text.find(kListBegin) + sizeof kListBegin - 1;
  writeFile(kListFile, text.replace(begin, text.find(kListEnd) - begin, table));
}

// Of a host whose modules have each ended one event, one of them in process.
std::string scrapeAfterConversation() {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.configure(mainJobModules(host, "worker"));
  host.start();
  postWebhook(host.port(), chosenEventBody("evt_1"));
  postWebhook(host.port(), userMessageEventBody("evt_2"));
  std::string scrape;
  const auto ended = [&](const char* module) {
    return scrape.find("modhost_deliveries_total{end=\"ok\",module=\"" + std::string(module) +
                       "\"} 1\n") != std::string::npos;
  };
  REQUIRE(eventually([&] {
    scrape = httpGet(host.adminPort(), "/metrics").body;
    return ended("rag-responder") && ended("message-logger");
  }));
  return scrape;
}

std::set<std::string> metricsNamedIn(const std::string& text) {
  static const std::regex name(R"(\b((modhost|process)_[a-z_]+))");
  std::set<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), name), none; it != none; ++it) {
    names.insert((*it)[1]);
  }
  return names;
}

bool isListed(const std::string& name, const std::string& table) {
  const std::string series = std::regex_replace(name, std::regex("_(bucket|count|sum)$"), "");
  return table.find("| `" + name + "` |") != std::string::npos ||
         table.find("| `" + series + "` | histogram |") != std::string::npos;
}

// Its exit status and what it said; nullopt, and why is said: Prometheus is not installed.
std::optional<std::pair<int, std::string>> promtool(std::vector<std::string> arguments,
                                                    const std::string& input = "/dev/null") {
  constexpr char kProgram[] = "/usr/bin/promtool";
  if (!std::filesystem::exists(kProgram)) {
    MESSAGE("skipped: promtool is missing; Debian's package prometheus has it");
    return std::nullopt;
  }
  const TempFolder folder;
  std::string command = kProgram;
  for (const std::string& argument : arguments) command += " '" + argument + "'";
  const pid_t pid = startProcess({"/bin/sh", "-c", command + " < '" + input + "'"}, {},
                                 folder.file("out"), folder.file("out"));
  const int status = waitForEnd(pid).exit_status;
  return std::pair(status, fileText(folder.file("out")));
}

void checkClean(const std::optional<std::pair<int, std::string>>& outcome) {
  if (!outcome) return;
  CHECK_MESSAGE(outcome->first == 0, outcome->second);
}

}  // namespace

TEST_SUITE_BEGIN("system");

TEST_CASE("metrics: what a host shows is what the operating guide lists") {
  const std::string scrape = scrapeAfterConversation();
  const std::string table = tableOf(familiesIn(scrape));
  if (std::getenv("MODHOST_UPDATE_DOCS") != nullptr) updateList(table);
  CHECK(listedTable() == table);

  const TempFolder folder;
  writeFile(folder.file("scrape"), scrape);
  const auto outcome = promtool({"check", "metrics"}, folder.file("scrape"));
  checkClean(outcome);
  if (outcome) CHECK(outcome->second.empty());
}

TEST_CASE("metrics: alerts are rules that fire when they should") {
  checkClean(promtool({"check", "rules", kAlerts}));
  checkClean(promtool({"test", "rules", kAlertTests}));
}

TEST_CASE("metrics: dashboard and alerts speak of listed metrics only") {
  const std::string table = listedTable();
  CHECK(nlohmann::json::accept(fileText(kDashboard)));
  for (const char* file : {kAlerts, kAlertTests, kDashboard}) {
    const std::set<std::string> names = metricsNamedIn(fileText(file));
    CHECK(names.size() > 5);
    for (const std::string& name : names) {
      CAPTURE(name);
      CHECK(isListed(name, table));
    }
  }
}

TEST_SUITE_END();

}  // namespace modhost::host
