#include "host/app/shown_json.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "host/event/event.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;

Json asked(const RecentAttempts& recent, const std::string& after) {
  AdminRequest request;
  if (!after.empty()) request.query["after"] = after;
  const AdminReply reply = attemptsReply(recent, request, WallTime(Milliseconds(2'000)));
  CHECK_MESSAGE(reply.status == 200, reply.text);
  return Json::parse(reply.text);
}

Delivery delivery(EventSeq seq) {
  auto event = std::make_shared<Event>();
  event->id = "evt_" + std::to_string(seq);
  event->type = "a.type";
  Delivery made;
  made.key = {seq, "rag"};
  made.event = event;
  made.attempts = 1;
  return made;
}

}  // namespace

TEST_SUITE("shown json") {
  TEST_CASE("shown json: routes stand as in the file") {
    const auto names = std::make_shared<const Json>(Json{"a", "b"});
    const RouteTable table(
        {{"chat.*", {{{"payload", "name"}, names}}, {"rag", "logger"}}, {"other", {}, {"logger"}}});

    CHECK(routesJson(table) == Json::parse(R"([
      {"event": "chat.*", "when": {"payload.name": ["a", "b"]}, "to": ["rag", "logger"]},
      {"event": "other", "when": {}, "to": ["logger"]}])"));
  }

  TEST_CASE("shown json: attempts run or have ended and are told once") {
    RecentAttempts recent;
    recent.begun(1, delivery(7), WallTime(Milliseconds(1'000)));
    const Json first = asked(recent, "");
    CHECK(first.at("attempts").at(0).at("id") == "evt_7");
    CHECK(first.at("attempts").at(0).at("end") == nullptr);

    recent.ended(1, std::chrono::microseconds(1'500), End::kFailed, true, "it broke");
    const std::string latest = first.at("latest").dump();
    const Json second = asked(recent, latest);

    CHECK(second.at("now") == "1970-01-01T00:00:02.000Z");
    CHECK(second.at("attempts") == Json::parse(R"([
      {"seq": 7, "id": "evt_7", "type": "a.type", "module": "rag", "attempt": 1,
       "received_at": "1970-01-01T00:00:00.000Z", "started_at": "1970-01-01T00:00:01.000Z",
       "end": "failed", "took_ms": 1.5, "again": true, "error": "it broke"}])"));
    const Json third = asked(recent, second.at("latest").dump());
    CHECK(third.at("attempts").empty());
    CHECK(third.at("latest") == second.at("latest"));
  }

  TEST_CASE("shown json: a cursor of an earlier process begins anew") {
    RecentAttempts recent;
    recent.begun(1, delivery(7), WallTime{});

    const Json page = asked(recent, "1000");

    CHECK(page.at("attempts").size() == 1);
    CHECK(page.at("latest") == 1);
    RecentAttempts none;
    CHECK(asked(none, "1000").at("latest") == 0);
  }

  TEST_CASE("shown json: a cursor that is no number is refused") {
    const RecentAttempts recent;
    AdminRequest request;
    for (const char* wrong : {"x", "1x", "-1", "", "99999999999999999999"}) {
      request.query["after"] = wrong;
      CHECK_MESSAGE(attemptsReply(recent, request, WallTime{}).status == 400, wrong);
    }
  }

  TEST_CASE("shown json: a call says its way and its end and no path") {
    RecentCalls recent;
    PlatformRequest request{"PATCH", "/messages/msg_secret", R"({"text":"secret"})", "u", "c"};
    request.route = "/messages/*";
    PlatformOutcome outcome{PlatformReply{200, "secret"}};
    outcome.tries = 2;
    recent.ended(recent.begun({{7, "rag"}, 1}, request, WallTime(Milliseconds(1'000))), outcome,
                 Milliseconds(3));
    outcome.reply = Error{ErrorKind::kTimeout, "secret"};
    recent.ended(recent.begun({{7, "rag"}, 0}, request, WallTime(Milliseconds(2'000))), outcome,
                 Milliseconds(4));
    recent.begun({{7, "rag"}, 2}, request, WallTime(Milliseconds(3'000)));

    CHECK(callsJson(recent.of(7)) == Json::parse(R"([
      {"module": "rag", "attempt": 1, "method": "PATCH", "route": "/messages/*", "ended": true,
       "started_at": "1970-01-01T00:00:01.000Z", "took_ms": 3.0, "tries": 2, "status": 200, "error": null},
      {"module": "rag", "attempt": 0, "method": "PATCH", "route": "/messages/*", "ended": true,
       "started_at": "1970-01-01T00:00:02.000Z", "took_ms": 4.0, "tries": 2, "status": null, "error": "timeout"},
      {"module": "rag", "attempt": 2, "method": "PATCH", "route": "/messages/*", "ended": false,
       "started_at": "1970-01-01T00:00:03.000Z"}])"));
  }
}

}  // namespace modhost::host
