#include <cstddef>
#include <cstring>
#include <stdexcept>

#include "tests/unit/plugin-api/scripted_module.h"

using namespace modhost;
using namespace modhost::test;

// Offsets are the contract with every module ever built: append, never change these lines.
static_assert(sizeof(void*) == 8, "the layout below is that of 64-bit machines");
static_assert(sizeof(modhost_event) == 120 && offsetof(modhost_event, deadline_ns) == 112);
static_assert(offsetof(modhost_event, id) == 8 && offsetof(modhost_event, body) == 88);
static_assert(sizeof(modhost_outcome) == 32 && offsetof(modhost_outcome, text) == 16);
static_assert(sizeof(modhost_request) == 56 && offsetof(modhost_request, body) == 40);
static_assert(sizeof(modhost_reply) == 48 && offsetof(modhost_reply, error_text) == 32);
static_assert(sizeof(modhost_host) == 56 && offsetof(modhost_host, log) == 16);
static_assert(offsetof(modhost_host, complete) == 48);
static_assert(sizeof(modhost_host_info) == 24);
static_assert(sizeof(modhost_module) == 152 && offsetof(modhost_module, create) == 104);
static_assert(offsetof(modhost_module, destroy) == 144);
static_assert(sizeof(modhost_note) == 176 && offsetof(modhost_note, id) == 16);

TEST_SUITE("plugin-api") {
  TEST_CASE("plugin-api: the descriptor says what the module info says") {
    const modhost_module& module = scriptedModule();

    CHECK(module.size == sizeof(modhost_module));
    CHECK(module.abi_major == MODHOST_ABI_MAJOR);
    CHECK(text(module.id) == "scripted");
    CHECK(text(module.version) == "1.2.3");
    CHECK(text(module.description) == "a test's own");
    REQUIRE(module.event_types_count == 2);
    CHECK(text(module.event_types[0]) == "a.b");
    CHECK(text(module.event_types[1]) == "c.*");
    CHECK(text(module.config_schema) == "{}");
    CHECK(module.concurrency_max == 7);
    CHECK(module.timeout_default_ms == 3000);
    CHECK(module.isolation_allowed == MODHOST_ISOLATION_WORKER);
    CHECK((module.cancel == nullptr));
  }

  TEST_CASE("plugin-api: the note holds magic and versions and id") {
    constexpr detail::NoteSection note = detail::noteOf(kScriptedInfo);

    CHECK(note.name_size == 8);
    CHECK(note.content_size == 176);
    CHECK(note.type == MODHOST_NOTE_TYPE);
    CHECK(std::memcmp(note.name, "modhost", 8) == 0);
    CHECK(note.content.word_size == 8);
    CHECK(note.content.abi_major == 1);
    CHECK(note.content.abi_min_minor == 0);
    CHECK(std::string(note.content.id) == "scripted");
    CHECK(std::string(note.content.version) == "1.2.3");
    CHECK(std::string(note.content.sdk).find("modhost C++ SDK") == 0);
  }

  TEST_CASE("plugin-api: ids that could not be a file name are refused at compile time") {
    CHECK(detail::isModuleId("rag-responder-2"));
    CHECK_FALSE(detail::isModuleId(""));
    CHECK_FALSE(detail::isModuleId("Upper"));
    CHECK_FALSE(detail::isModuleId("a/b"));
    CHECK_FALSE(detail::isModuleId(std::string(64, 'a')));
    CHECK_FALSE(detail::isModuleVersion(""));
    CHECK_FALSE(detail::isModuleVersion(std::string(32, '1')));
  }

  TEST_CASE("plugin-api: create refuses a host of another major version") {
    FakeHost host;
    host.table.abi_major = MODHOST_ABI_MAJOR + 1;

    HostedModule module(host, scriptedModule());

    CHECK(module.refusal() == "the host speaks another major version of the module ABI");
  }

  TEST_CASE("plugin-api: create refuses a host whose table ends before a needed function") {
    FakeHost host;
    host.table.size = offsetof(modhost_host, complete);

    HostedModule module(host, scriptedModule());

    CHECK(module.refusal() == "the host lacks a function that this module needs");
  }

  TEST_CASE("plugin-api: a host without metrics is served and a longer table is cut") {
    FakeHost host;
    struct Newer {
      modhost_host known;
      void* unknown;
    } newer{host.table, nullptr};
    newer.known.size = sizeof(newer);
    newer.known.metric = nullptr;
    host.table = newer.known;
    host.table.size = sizeof(modhost_host);

    const End end = run(host, [](const Event&, Context& context) {
      context.metrics().count("things");
      return Outcome::ok();
    });

    CHECK(end.kind == MODHOST_OK);
    CHECK(host.metrics().empty());
  }

  TEST_CASE("plugin-api: start refuses with the words of the exception") {
    FakeHost host;
    ScriptedModule::on_start = [](ModuleHost&, const Json&) {
      throw std::runtime_error("no index");
    };

    HostedModule module(host, scriptedModule());

    ScriptedModule::on_start = nullptr;
    CHECK(module.refusal() == "no index");
  }

  TEST_CASE("plugin-api: start refuses a config that is no object") {
    FakeHost host;
    for (const char* config : {"[]", "nonsense", "", "null"}) {
      HostedModule module(host, scriptedModule(), config);
      CHECK(module.refusal() == "its config is not a readable JSON object");
    }
  }

  TEST_CASE("plugin-api: start sees the config and the host's log") {
    FakeHost host;
    ScriptedModule::on_start = [](ModuleHost& seen, const Json& config) {
      seen.log(LogLevel::kWarn, "started", {{"limit", config.at("limit")}});
      seen.metrics().set("limit", 8);
    };

    HostedModule module(host, scriptedModule(), R"({"limit":8})");

    ScriptedModule::on_start = nullptr;
    REQUIRE(host.lines().size() == 1);
    CHECK(host.lines()[0].level == MODHOST_LOG_WARN);
    CHECK(host.lines()[0].fields == R"({"limit":8})");
    CHECK(host.metrics() == std::vector<std::pair<std::string, double>>{{"limit", 8.0}});
  }

  TEST_CASE("plugin-api: stop reaches only a module that has started") {
    FakeHost host;
    ScriptedModule::stops = 0;
    void* instance = scriptedModule().create(&host.table, nullptr);

    scriptedModule().stop(instance);
    scriptedModule().destroy(instance);
    CHECK(ScriptedModule::stops == 0);

    { HostedModule module(host, scriptedModule()); }
    CHECK(ScriptedModule::stops == 1);
  }

  TEST_CASE("plugin-api: refusal words are cut to the caller's buffer between characters") {
    char words[5] = {'#', '#', '#', '#', '#'};
    modhost_error_buffer error{words, 4, 0};

    detail::writeError(&error, "ab\xC3\xA4\xC3\xA4");

    CHECK(std::string(words, error.used) == "ab\xC3\xA4");
    CHECK(words[4] == '#');
  }

  TEST_CASE("plugin-api: every kind of outcome reaches the host") {
    FakeHost host;
    const auto end = [&](Outcome outcome) {
      return run(host, [&](const Event&, Context&) { return outcome; });
    };

    CHECK(end(Outcome::ok()).kind == MODHOST_OK);
    CHECK(end(Outcome::reject("bad")).kind == MODHOST_REJECT);
    CHECK(end(Outcome::reject("bad")).text == "bad");
    CHECK(end(Outcome::skipped()).kind == MODHOST_SKIPPED);
    CHECK(end(Outcome::failed("oh")).kind == MODHOST_FAILED);
    CHECK(end(Outcome::retry("busy", std::chrono::seconds(2))).kind == MODHOST_RETRY);
    CHECK(end(Outcome::retry("busy", std::chrono::seconds(2))).retry_after_ms == 2000);
  }

  TEST_CASE("plugin-api: an exception becomes a failed outcome with its words") {
    FakeHost host;

    const End known =
        run(host, [](const Event&, Context&) -> Outcome { throw std::runtime_error("broke"); });
    const End unknown = run(host, [](const Event&, Context&) -> Outcome { throw 7; });

    CHECK(known.kind == MODHOST_FAILED);
    CHECK(known.text == "broke");
    CHECK(unknown.kind == MODHOST_FAILED);
    CHECK(unknown.text == "an exception that is not a std::exception");
  }

  // nlohmann quotes the text it could not parse; that text may be a user's.
  TEST_CASE("plugin-api: a parser's exception never carries the text it read") {
    FakeHost host;

    const End end = run(host, [](const Event&, Context&) {
      const Json parsed = Json::parse("{\"my secret\": \"salary");
      return Outcome::ok();
    });

    CHECK(end.kind == MODHOST_FAILED);
    CHECK(end.text == "JSON error 101");
  }

  TEST_CASE("plugin-api: an event shows its envelope and its payload") {
    FakeHost host;
    SentEvent sent = chosen("Zürich?", {{"limit", 8}});
    sent.attempt = 2;

    run(
        host,
        [](const Event& event, Context& context) {
          CHECK(event.id() == "evt_1");
          CHECK(event.type() == "unique.chat.external-module.chosen");
          CHECK(event.userId() == "user_1");
          CHECK(event.companyId() == "company_1");
          CHECK(event.chatId() == "chat_1");
          CHECK(event.userText() == "Zürich?");
          CHECK(event.userMessageId() == "msg_u");
          CHECK(event.assistantMessageId() == "msg_a");
          CHECK(event.assistantId() == "assistant_1");
          CHECK(event.configuration() == Json{{"limit", 8}});
          CHECK(event.body().at("event") == event.type());
          CHECK(event.attempt() == 2);
          CHECK(event.receivedAt().time_since_epoch() ==
                std::chrono::milliseconds(1'767'225'600'123));
          CHECK(context.attempt() == 2);
          CHECK(context.deadline().time_since_epoch() == std::chrono::seconds(5));
          return Outcome::ok();
        },
        sent);
  }

  TEST_CASE("plugin-api: members that are missing or of another type read as empty") {
    FakeHost host;
    for (const char* body :
         {"{}", R"({"payload":null})", R"({"payload":[]})",
          R"({"payload":{"userMessage":"x","text":7}})",
          R"({"payload":{"userMessage":{"text":null,"id":3},"configuration":[1]}})"}) {
      run(host,
          [](const Event& event, Context&) {
            CHECK(event.userText().empty());
            CHECK(event.userMessageId().empty());
            CHECK(event.assistantMessageId().empty());
            CHECK(event.configuration() == Json::object());
            return Outcome::ok();
          },
          {.body = body});
    }
  }

  TEST_CASE("plugin-api: the user's text falls back to the payload's own") {
    FakeHost host;

    run(host,
        [](const Event& event, Context&) {
          CHECK(event.userText() == "plain");
          return Outcome::ok();
        },
        {.body = R"({"payload":{"text":"plain"}})"});
  }

  TEST_CASE("plugin-api: a body that can not be read fails the attempt and nothing else") {
    FakeHost host;
    const std::string bomb(100'000, '[');
    for (const std::string& body :
         {std::string("[]"), std::string("<html>"), std::string(), bomb,
          "{\"payload\":" + std::string(64, '[') + std::string(64, ']') + "}"}) {
      const End end =
          run(host, [](const Event& event, Context&) { return Outcome::skipped(event.userText()); },
              {.body = body});
      CHECK(end.kind == MODHOST_FAILED);
      CHECK(end.text == "the event's body is not a readable JSON object");
    }
  }

  TEST_CASE("plugin-api: cancelled asks the host each time") {
    FakeHost host;

    run(host, [&](const Event&, Context& context) {
      CHECK_FALSE(context.cancelled());
      host.is_cancelled = true;
      CHECK(context.cancelled());
      return Outcome::ok();
    });
  }

  TEST_CASE("plugin-api: log fields that are not UTF-8 are replaced and do not throw") {
    FakeHost host;

    const End end = run(host, [](const Event&, Context& context) {
      context.log(LogLevel::kInfo, "odd", {{"id", "a\xFFz"}});
      return Outcome::ok();
    });

    CHECK(end.kind == MODHOST_OK);
    CHECK(host.lines().at(0).fields == "{\"id\":\"a\xEF\xBF\xBDz\"}");
  }
}
