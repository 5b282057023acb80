// The log level's routes, without sockets; the levels are this process's own.
#include "host/admin/log_routes.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "host/base/log.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;

struct LevelsUnderTest {
  LevelsUnderTest() {
    logSetLevels(LogLevel::kInfo, {{moduleLogScope("rag"), LogLevel::kError}});
    addLogRoutes(router, [] { return std::vector<AdminModule>{{"rag", true}, {"logger", false}}; });
  }
  ~LevelsUnderTest() { logSetLevels(LogLevel::kInfo); }

  AdminReply ask(const std::string& method, const std::string& body = "") {
    AdminRequest request;
    request.method = method;
    request.path = "/api/v1/log-level";
    request.body = body;
    return router.answer(std::move(request));
  }
  // "info configured; rag error configured; logger info common"
  std::string levels(const AdminReply& reply) {
    REQUIRE_MESSAGE(reply.status == 200, reply.text);
    const Json json = Json::parse(reply.text);
    const auto one = [](const Json& at) {
      return at["level"].get<std::string>() + " " + at["from"].get<std::string>();
    };
    std::string text = one(json);
    for (const Json& at : json["modules"])
      text += "; " + at["id"].get<std::string>() + " " + one(at);
    return text;
  }

  AdminRouter router;
};

}  // namespace

TEST_SUITE("admin") {
  TEST_CASE("log level: what is in force is shown with where it comes from") {
    LevelsUnderTest on;

    const AdminReply reply = on.ask("GET");

    CHECK(on.levels(reply) == "info configured; rag error configured; logger info common");
    CHECK(reply.text.find("until the next reload or restart") != std::string::npos);
  }

  TEST_CASE("log level: one that is set by hand is in force at once and can be taken back") {
    LevelsUnderTest on;

    CHECK(on.levels(on.ask("POST", R"({"level":"debug"})")) ==
          "debug by_hand; rag error configured; logger debug common");
    CHECK(logEnabled(LogLevel::kDebug, "inbox"));
    CHECK(on.levels(on.ask("POST", R"({"level":"trace","module":"rag"})")) ==
          "debug by_hand; rag trace by_hand; logger debug common");
    CHECK(logEnabled(LogLevel::kTrace, moduleLogScope("rag")));
    CHECK(on.levels(on.ask("POST", R"({"reset":true,"module":"rag"})")) ==
          "debug by_hand; rag error configured; logger debug common");

    on.ask("POST", R"({"level":"warn","module":"logger"})");
    CHECK(on.levels(on.ask("POST", R"({"reset":true})")) ==
          "info configured; rag error configured; logger info common");
    CHECK_FALSE(logEnabled(LogLevel::kDebug, "inbox"));
  }

  TEST_CASE("log level: what is not understood is 400 with what is accepted and changes nothing") {
    LevelsUnderTest on;
    const std::pair<const char*, const char*> cases[] = {
        {"[]", "the body is no JSON object"},
        {"{}", "neither or both of level and reset; accepted: {\"level\": \"debug\"}"},
        {R"({"level":"debug","reset":true})", "neither or both of level and reset"},
        {R"({"level":"loud"})", "level is \"loud\"; accepted: trace, debug, info, warn, error"},
        {R"({"level":1})", "level is no text"},
        {R"({"level":"debug","module":""})", "module is empty"},
        {R"({"level":"debug","module":"x"})",
         "module is \"x\", which does not serve; accepted: rag, logger"},
        {R"({"reset":"yes"})", "reset is no truth"},
        {R"({"levle":"debug"})", "unknown name \"levle\"; accepted: level, module, reset"}};
    for (const auto& one : cases) {
      const AdminReply reply = on.ask("POST", one.first);
      CHECK(reply.status == 400);
      CHECK_MESSAGE(Json::parse(reply.text)["error"].get<std::string>().find(one.second) == 0,
                    reply.text);
    }
    CHECK(on.levels(on.ask("GET")) == "info configured; rag error configured; logger info common");
  }
}

}  // namespace modhost::host
