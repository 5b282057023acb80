#include <sys/stat.h>

#include <fstream>
#include <set>
#include <system_error>
#include <thread>

#include "plugins/message-logger/line_file.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/plugin-api/fake_host.h"

using namespace modhost;
using namespace modhost::test;
using message_logger::LineFile;
using modhost::host::TempFolder;

namespace {

std::vector<std::string> linesOf(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

SentEvent userMessage(const std::string& words) {
  const Json body = {
      {"payload", {{"chatId", "chat_1"}, {"assistantId", "assistant_1"}, {"text", words}}}};
  return {.body = body.dump(), .type = "unique.chat.user-message.created"};
}

// The record that one event leaves behind.
Json recordWith(Json config, const SentEvent& event) {
  const TempFolder folder;
  config["file"] = folder.file("log.jsonl");
  const LoadedFile file(MESSAGE_LOGGER_FILE);
  FakeHost host;
  HostedModule module(host, file.module(), config.dump());
  REQUIRE(module.refusal() == "");
  CHECK(module.handle(event).kind == MODHOST_OK);
  const std::vector<std::string> lines = linesOf(folder.file("log.jsonl"));
  REQUIRE(lines.size() == 1);
  return Json::parse(lines[0]);
}

}  // namespace

TEST_SUITE("message-logger") {
  TEST_CASE("message-logger: a record says when and who and where and what") {
    CHECK(recordWith(Json::object(), userMessage("Which fees?")) ==
          Json{{"time", "2026-01-01T00:00:00.123Z"},
               {"eventId", "evt_1"},
               {"type", "unique.chat.user-message.created"},
               {"userId", "user_1"},
               {"companyId", "company_1"},
               {"chatId", "chat_1"},
               {"assistantId", "assistant_1"},
               {"text", "Which fees?"}});
  }

  TEST_CASE("message-logger: text is full or truncated or omitted as the operator says") {
    const SentEvent event = userMessage("ää\U0001F600xyz");

    const Json full = recordWith({{"text", "full"}, {"truncate_at", 2}}, event);
    const Json truncated = recordWith({{"text", "truncated"}, {"truncate_at", 3}}, event);
    const Json just_fits = recordWith({{"truncate_at", 6}}, event);
    const Json omitted = recordWith({{"text", "omitted"}}, event);

    CHECK(full.at("text") == "ää\U0001F600xyz");
    CHECK_FALSE(full.contains("textTruncated"));
    CHECK(truncated.at("text") == "ää\U0001F600");
    CHECK(truncated.at("textTruncated") == true);
    CHECK_FALSE(just_fits.contains("textTruncated"));
    CHECK_FALSE(omitted.contains("text"));
    CHECK_FALSE(omitted.contains("textTruncated"));
  }

  TEST_CASE("message-logger: text is cut at 200 code points by default") {
    std::string words;
    for (int i = 0; i < 201; ++i) words += "ä";

    CHECK(recordWith(Json::object(), userMessage(words)).at("text") == words.substr(0, 400));
  }

  TEST_CASE("message-logger: the host's log gets ids and never the text") {
    const TempFolder folder;
    const LoadedFile file(MESSAGE_LOGGER_FILE);
    FakeHost host;
    HostedModule module(host, file.module(), Json{{"file", folder.file("log.jsonl")}}.dump());

    module.handle(userMessage("salary of Jane"));

    REQUIRE(host.lines().size() == 1);
    CHECK(host.lines()[0].message.find("salary") == std::string::npos);
    CHECK(Json::parse(host.lines()[0].fields) ==
          Json{{"eventId", "evt_1"}, {"chatId", "chat_1"}, {"userId", "user_1"}});
    CHECK(host.calls().empty());
  }

  TEST_CASE("message-logger: a file that can not be opened refuses the start") {
    const TempFolder folder;
    const LoadedFile file(MESSAGE_LOGGER_FILE);
    FakeHost host;

    HostedModule module(host, file.module(), Json{{"file", folder.file("no/such/log")}}.dump());

    CHECK(module.refusal() == "cannot open the message log: No such file or directory");
  }

  TEST_CASE("message-logger: a record that can not be written is tried again") {
    const LoadedFile file(MESSAGE_LOGGER_FILE);
    FakeHost host;
    HostedModule module(host, file.module(), R"({"file":"/dev/full"})");
    REQUIRE(module.refusal() == "");

    const End end = module.handle(userMessage("secret"));

    CHECK(end.kind == MODHOST_RETRY);
    CHECK(end.text == "cannot write the message log: No space left on device");
  }

  TEST_CASE("message-logger: the file is its owner's alone") {
    const TempFolder folder;

    LineFile file(folder.file("log"));

    struct stat status {};
    REQUIRE(::stat(folder.file("log").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  }

  TEST_CASE("message-logger: lines are added after those of earlier runs") {
    const TempFolder folder;
    LineFile(folder.file("log")).append("one");
    LineFile(folder.file("log")).append("two");

    CHECK(linesOf(folder.file("log")) == std::vector<std::string>{"one", "two"});
  }

  TEST_CASE("message-logger: after a rotation lines go to a new file") {
    const TempFolder folder;
    LineFile file(folder.file("log"));
    file.append("one");

    std::filesystem::rename(folder.file("log"), folder.file("log.1"));
    file.append("two");
    std::filesystem::remove(folder.file("log"));
    file.append("three");

    CHECK(linesOf(folder.file("log.1")) == std::vector<std::string>{"one"});
    CHECK(linesOf(folder.file("log")) == std::vector<std::string>{"three"});
  }

  TEST_CASE("message-logger: a folder that went away fails the append until it is back") {
    const TempFolder folder;
    std::filesystem::create_directory(folder.file("logs"));
    LineFile file(folder.file("logs/log"));
    std::filesystem::remove_all(folder.file("logs"));

    CHECK_THROWS_AS(file.append("lost"), std::system_error);
    std::filesystem::create_directory(folder.file("logs"));
    file.append("kept");

    CHECK(linesOf(folder.file("logs/log")) == std::vector<std::string>{"kept"});
  }

  TEST_CASE("message-logger: a line torn by a crash does not spoil the next") {
    const TempFolder folder;
    std::ofstream(folder.file("log")) << "one\n{\"torn";

    LineFile(folder.file("log")).append("two");

    CHECK(linesOf(folder.file("log")) == std::vector<std::string>{"one", "{\"torn", "two"});
  }

  TEST_CASE("message-logger: lines of many threads stay whole") {
    const TempFolder folder;
    LineFile file(folder.file("log"));
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 4; ++writer) {
      writers.emplace_back([&file, writer] {
        for (int i = 0; i < 50; ++i) file.append(std::string(300, static_cast<char>('a' + writer)));
      });
    }
    for (std::thread& writer : writers) writer.join();

    const std::vector<std::string> lines = linesOf(folder.file("log"));
    CHECK(lines.size() == 200);
    CHECK(std::set<std::string>(lines.begin(), lines.end()).size() == 4);
  }

  TEST_CASE("message-logger: a text setting that is none of three refuses the start") {
    const LoadedFile file(MESSAGE_LOGGER_FILE);
    FakeHost host;

    HostedModule module(host, file.module(), R"({"text":"some"})");

    CHECK(module.refusal() == "setting text is none of full, truncated, omitted");
  }
}
