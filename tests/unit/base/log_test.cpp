#include "host/base/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <sstream>

#include "host/base/fd.h"
#include "tests/support/temp_folder.h"

namespace modhost::host {
namespace {

// What reaches stderr while `speak` runs.
std::string captured(const std::function<void()>& speak) {
  const TempFolder folder;
  const std::string file = folder.file("stderr");
  const Fd saved(::dup(STDERR_FILENO));
  const Fd out(::open(file.c_str(), O_CREAT | O_WRONLY, 0600));
  std::fflush(stderr);
  ::dup2(out.get(), STDERR_FILENO);
  speak();
  std::fflush(stderr);
  ::dup2(saved.get(), STDERR_FILENO);
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

}  // namespace

TEST_SUITE_BEGIN("base");

TEST_CASE("log: a value can not forge a line") {
  const std::string text = captured([] {
    logInfo("test", "spoke", {{"id", "a\nb \x1b[31m"}, {"n", 7}});
  });

  CHECK(text.find("test: spoke id=\"a\\nb \\u001b[31m\" n=7\n") != std::string::npos);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
}

TEST_CASE("log: what is no UTF-8 does not reach the line") {
  const std::pair<const char*, const char*> cases[] = {
      {"gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80",
       "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80"},
      {"\xFF", "\xEF\xBF\xBD"},
      {"cut \xE2\x82", "cut \xEF\xBF\xBD\xEF\xBF\xBD"},
      {"overlong \xC0\xAF", "overlong \xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"latin \xE9t\xE9", "latin \xEF\xBF\xBDt\xEF\xBF\xBD"}};
  for (const auto& one : cases) {
    const char* said = one.first;
    const std::string text = captured([said] { logInfo("test", "spoke", {{"text", said}}); });
    CHECK(text.find("text=\"" + std::string(one.second) + "\"\n") != std::string::npos);
  }
}

TEST_CASE("log: debug lines are not written at level info") {
  CHECK(captured([] { logDebug("test", "quiet"); }).empty());
}

// Last in this file: the format stays changed for the rest of the process.
TEST_CASE("log: json lines carry fields with their types") {
  const std::string text = captured([] {
    logInit({.level = LogLevel::kDebug, .format = LogFormat::kJson});
    logWarn("test", "said \"so\"", {{"event", "evt_1"}, {"count", 3}});
  });

  CHECK(
      text.find(
          R"("level":"warning","area":"test","message":"said \"so\"","event":"evt_1","count":3})") !=
      std::string::npos);
}

TEST_SUITE_END();

}  // namespace modhost::host
