#include "host/base/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
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

// The end of a pseudo terminal that a program writes to.
class Terminal {
 public:
  Terminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    REQUIRE(::grantpt(master_.get()) == 0);
    REQUIRE(::unlockpt(master_.get()) == 0);
    slave_ = Fd(::open(::ptsname(master_.get()), O_RDWR | O_NOCTTY));
    REQUIRE(slave_.get() >= 0);
  }
  int fd() const { return slave_.get(); }

 private:
  Fd master_, slave_;
};

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

TEST_CASE("log: a scope has a level of its own until the levels are set anew") {
  logSetLevels(LogLevel::kWarn, {{"guard", LogLevel::kTrace}});
  CHECK(logEnabled(LogLevel::kTrace, "guard"));
  CHECK(!logEnabled(LogLevel::kInfo, "inbox"));
  CHECK(!logEnabled(LogLevel::kInfo));

  logSetLevel("module greeter", LogLevel::kError);
  logSetLevel("", LogLevel::kDebug);
  CHECK(logEnabled(LogLevel::kDebug, "inbox"));
  CHECK(!logEnabled(LogLevel::kWarn, "module greeter"));
  CHECK(logEnabled(LogLevel::kTrace, "guard"));

  logSetLevels(LogLevel::kInfo);
  CHECK(!logEnabled(LogLevel::kTrace, "guard"));
  CHECK(!logEnabled(LogLevel::kDebug, "inbox"));
  CHECK(logEnabled(LogLevel::kInfo, "module greeter"));
}

TEST_CASE("log: a level in force says whether it is configured or set by hand or the common one") {
  logSetLevels(LogLevel::kWarn, {{"guard", LogLevel::kTrace}});
  const auto is = [](const char* scope, LogLevel level, LogLevelFrom from) {
    const LogLevelInForce found = logLevelOf(scope);
    return found.level == level && found.from == from;
  };
  logSetLevel("", LogLevel::kDebug);
  logSetLevel("guard", LogLevel::kError);
  CHECK(is("", LogLevel::kDebug, LogLevelFrom::kByHand));
  CHECK(is("inbox", LogLevel::kDebug, LogLevelFrom::kCommon));
  CHECK(is("guard", LogLevel::kError, LogLevelFrom::kByHand));
  CHECK(!logEnabled(LogLevel::kWarn, "guard"));

  logResetLevel("guard");
  CHECK(is("guard", LogLevel::kTrace, LogLevelFrom::kConfigured));
  CHECK(is("", LogLevel::kDebug, LogLevelFrom::kByHand));
  CHECK(logEnabled(LogLevel::kTrace, "guard"));

  logResetLevels();
  CHECK(is("", LogLevel::kWarn, LogLevelFrom::kConfigured));
  CHECK(!logEnabled(LogLevel::kDebug, "inbox"));
  logSetLevels(LogLevel::kInfo);
}

TEST_CASE("log: what a line is about stands before its other fields") {
  const LogFields about{{"event", "evt_1"}, {"trace_id", "4bf9"}};
  const std::string text = captured([&] { logInfo("test", "spoke", about, {{"n", 7}}); });
  CHECK(text.find("test: spoke event=evt_1 trace_id=4bf9 n=7\n") != std::string::npos);
}

TEST_CASE("log: a terminal gets colours unless NO_COLOR is set") {
  const auto line = [](const LogTarget& target) {
    return captured([&] {
      logInit({.format = LogFormat::kAuto}, target);
      logWarn("test", "spoke");
      logInit({}, {});
    });
  };
  CHECK(line({.terminal = true, .colour = true}).find("\x1b[") != std::string::npos);
  const std::string plain = line({.terminal = true});
  CHECK(plain.find('\x1b') == std::string::npos);
  CHECK(plain.find("warning test: spoke\n") != std::string::npos);

  const Terminal terminal;
  ::setenv("TERM", "xterm", 1);
  ::unsetenv("NO_COLOR");
  CHECK(logTarget(terminal.fd()).colour);
  ::setenv("NO_COLOR", "1", 1);
  CHECK(logTarget(terminal.fd()).terminal);
  CHECK(!logTarget(terminal.fd()).colour);
  ::unsetenv("NO_COLOR");
}

TEST_CASE("log: the journal gets a priority and no time") {
  const auto line = [](LogFormat format) {
    return captured([&] {
      logInit({.format = format}, {.journal = true});
      logWarn("test", "spoke", {{"n", 1}});
      logInit({}, {});
    });
  };
  CHECK(line(LogFormat::kAuto) == "<4>test: spoke n=1\n");
  CHECK(line(LogFormat::kText) == "<4>test: spoke n=1\n");
  CHECK(line(LogFormat::kJson).starts_with("{\"time\":"));

  int ends[2] = {};
  REQUIRE(::pipe(ends) == 0);
  const Fd reader(ends[0]), writer(ends[1]);
  struct stat status {};
  REQUIRE(::fstat(writer.get(), &status) == 0);
  const std::string stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  ::setenv("JOURNAL_STREAM", stream.c_str(), 1);
  CHECK(logTarget(writer.get()).journal);
  ::setenv("JOURNAL_STREAM", "1:1", 1);
  CHECK(!logTarget(writer.get()).journal);
  ::unsetenv("JOURNAL_STREAM");
  CHECK(!logTarget(writer.get()).journal);
}

TEST_CASE("log: lines are JSON with typed fields where nobody looks on") {
  for (const LogFormat format : {LogFormat::kJson, LogFormat::kAuto}) {
    const std::string text = captured([&] {
      logInit({.level = LogLevel::kDebug, .format = format}, {});
      logWarn("test", "said \"so\"", {{"event", "evt_1"}, {"count", 3}});
      logInit({}, {});
    });

    CHECK(text.find(R"("level":"warning","area":"test","message":"said \"so\"",)"
                    R"("event":"evt_1","count":3})") != std::string::npos);
  }
}

TEST_SUITE_END();

}  // namespace modhost::host
