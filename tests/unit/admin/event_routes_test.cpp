// The events API against a MemoryInbox, without sockets.
#include "host/admin/event_routes.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "host/admin/admin_json.h"
#include "host/admin/admin_routes.h"
#include "tests/support/events.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_inbox.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;

struct EventsUnderTest {
  explicit EventsUnderTest(bool show_bodies = false) : inbox(clock) {
    EventRoutesSources sources;
    sources.modules = [this] { return modules; };
    sources.show_bodies = show_bodies;
    addEventRoutes(router, clock, inbox, std::move(sources));
  }

  EventSeq accept(const std::string& id, const std::vector<Target>& targets = {"rag"}) {
    Result<ParsedEvent> parsed = parseEvent(chosenEventBody(id), clock.wallNow());
    return inbox.accept(parsed.value().event, targets).take().seq;
  }
  EventSeq dead(const std::string& id, const Target& target = "rag", End end = End::kFailed) {
    const EventSeq seq = accept(id, {target});
    const std::vector<Begin> begins{{{seq, target}}};
    REQUIRE(inbox.begin(begins).ok());
    inbox.settle({{{seq, target}, Settlement::To::kDead, end, {}, "why " + id}});
    return seq;
  }
  EventSeq park(const std::string& body, const Target& target = kParkedTarget) {
    const Event event = unreadableEvent(body, clock.wallNow());
    return inbox.park(event, target, "not JSON").take().seq;
  }
  EventSeq unrouted(const std::string& id) {
    Result<ParsedEvent> parsed = parseEvent(chosenEventBody(id), clock.wallNow());
    return inbox.park(*parsed.value().event, kUnroutedTarget, "no route matches").take().seq;
  }

  AdminReply get(const std::string& target) { return ask("GET", target, ""); }
  AdminReply post(const std::string& target, const Json& body) {
    return ask("POST", target, body.is_null() ? "" : body.dump());
  }
  AdminReply ask(const std::string& method, const std::string& target, const std::string& body) {
    AdminRequest request;
    request.method = method;
    request.body = body;
    splitTarget(target, request);
    return router.answer(std::move(request));
  }
  std::vector<std::string> listed(const std::string& query) {
    std::vector<std::string> ids;
    const AdminReply reply = get("/api/v1/events" + query);
    REQUIRE_MESSAGE(reply.status == 200, reply.text);
    const Json page = Json::parse(reply.text);
    for (const Json& event : page["events"]) ids.push_back(event["id"]);
    return ids;
  }
  DeliveryState stateOf(EventSeq seq, const Target& target = "rag") {
    return inbox.life({seq, target})->state;
  }

  FakeClock clock;
  MemoryInbox inbox;
  std::vector<AdminModule> modules = {{"rag", true}, {"other", true}, {"logger", false}};
  AdminRouter router;
};

bool says(const AdminReply& reply, const std::string& words) {
  return Json::parse(reply.text).at("error").get<std::string>().find(words) != std::string::npos;
}

}  // namespace

TEST_SUITE("admin") {
  TEST_CASE("events: a page says of each delivery what is known") {
    EventsUnderTest on;
    on.dead("evt_1");
    on.clock.advance(std::chrono::seconds(5));

    const Json page = Json::parse(on.get("/api/v1/events").text);

    REQUIRE(page["events"].size() == 1);
    CHECK(page.contains("now"));
    CHECK_FALSE(page.contains("next"));
    const Json& delivery = page["events"][0]["deliveries"][0];
    CHECK(page["events"][0]["seq"] == 1);
    CHECK(delivery["module"] == "rag");
    CHECK(delivery["state"] == "dead");
    CHECK(delivery["end"] == "failed");
    CHECK(delivery["why"] == "why evt_1");
    CHECK(delivery["attempts"] == 1);
    CHECK(delivery.contains("died_at"));
  }

  TEST_CASE("events: every filter narrows the page") {
    EventsUnderTest on;
    on.dead("old", "rag", End::kOverran);
    on.clock.advance(std::chrono::hours(2));
    on.dead("other", "other");
    on.accept("open");
    using Ids = std::vector<std::string>;

    CHECK(on.listed("") == Ids{"open", "other", "old"});
    CHECK(on.listed("?order=oldest") == Ids{"old", "other", "open"});
    CHECK(on.listed("?state=dead") == Ids{"other", "old"});
    CHECK(on.listed("?state=waiting") == Ids{"open"});
    CHECK(on.listed("?module=other") == Ids{"other"});
    CHECK(on.listed("?end=overran") == Ids{"old"});
    CHECK(on.listed("?older_than=1h") == Ids{"old"});
    CHECK(on.listed("?newer_than=1h&state=dead") == Ids{"other"});
    CHECK(on.listed("?older_than=9999999d").empty());
  }

  TEST_CASE("events: pages are followed by their cursor") {
    EventsUnderTest on;
    for (const char* id : {"1", "2", "3"}) on.dead(id);

    const Json first = Json::parse(on.get("/api/v1/events?limit=2").text);
    CHECK(first["events"].size() == 2);
    const std::string next = first["next"];
    CHECK(on.listed("?limit=2&cursor=" + next) == std::vector<std::string>{"1"});
  }

  TEST_CASE("events: a filter that is not understood is 400 with what is accepted") {
    EventsUnderTest on;
    const std::pair<const char*, const char*> cases[] = {
        {"?state=ded", "state is \"ded\"; accepted: waiting, running, closing, dead"},
        {"?end=x", "accepted: ok, skipped"},
        {"?older_than=5", "a duration such as"},
        {"?newer_than=-5s", "a duration such as"},
        {"?order=up", "newest, oldest"},
        {"?limit=0", "from 1 to 500"},
        {"?limit=501", "from 1 to 500"},
        {"?cursor=x", "the `next`"},
        {"?cursor=0", "the `next`"},
        {"?module=", "a module's id"},
        {"?moduel=a", "unknown name \"moduel\"; accepted: state, module"}};
    for (const auto& one : cases) {
      const char* const query = one.first;
      const char* const words = one.second;
      const AdminReply reply = on.get(std::string("/api/v1/events") + query);
      CHECK_MESSAGE(reply.status == 400, query);
      CHECK_MESSAGE(says(reply, words), reply.text);
    }
  }

  TEST_CASE("events: a story is found by id and by seq and tells attempts and steps") {
    EventsUnderTest on;
    const EventSeq seq = on.accept("evt/1");
    const DeliveryKey key{seq, "rag"};
    const std::vector<Begin> begins{{key}};
    REQUIRE(on.inbox.begin(begins).ok());
    on.inbox.record(
        {{key, Step{{"msg", 1, 0}, StepState::kFailed, "log_1", 0}, AnswerState::kApologised}},
        nullptr);
    on.inbox.settle({{key, Settlement::To::kDead, End::kOverran, {}, "too late"}});

    const Json story = Json::parse(on.get("/api/v1/events/evt%2F1").text);

    CHECK(story["id"] == "evt/1");
    CHECK(story["type"] == "unique.chat.external-module.chosen");
    CHECK(story["chat_id"] == "chat_aa11");
    CHECK(story["answer"] == "apologised");
    CHECK(story["body_bytes"] == chosenEventBody("evt/1").size());
    CHECK(story["deliveries"][0]["records"][0]["error"] == "too late");
    CHECK(story["deliveries"][0]["records"][0]["end"] == "overran");
    CHECK(story["deliveries"][0]["steps"][0]["log_id"] == "log_1");
    CHECK(story["deliveries"][0]["steps"][0]["state"] == "failed");
    CHECK(Json::parse(on.get("/api/v1/events/" + std::to_string(seq)).text)["id"] == "evt/1");
    CHECK(on.get("/api/v1/events/99").status == 404);
    CHECK(on.get("/api/v1/events/nobody").status == 404);
    CHECK(on.get("/api/v1/events/99999999999999999999999").status == 404);
  }

  TEST_CASE("events: message text leaves only when it is asked for and the operator allows it") {
    EventsUnderTest closed;
    closed.dead("evt_1");
    CHECK(closed.get("/api/v1/events/evt_1").text.find("Which fees") == std::string::npos);
    CHECK(closed.get("/api/v1/events").text.find("Which fees") == std::string::npos);
    const AdminReply refused = closed.get("/api/v1/events/evt_1?body=1");
    CHECK(refused.status == 403);
    CHECK(says(refused, "admin_show_bodies"));

    EventsUnderTest open(true);
    open.dead("evt_1");
    CHECK(open.get("/api/v1/events/evt_1").text.find("Which fees") == std::string::npos);
    CHECK(Json::parse(open.get("/api/v1/events/evt_1?body=1").text)["body"] ==
          chosenEventBody("evt_1"));
    open.park("\xff\xfe not UTF-8");
    CHECK(Json::parse(open.get("/api/v1/events/2?body=1").text)["body"].get<std::string>().find(
              "not UTF-8") != std::string::npos);
  }

  TEST_CASE("events: a replay makes the dead letter wait again") {
    EventsUnderTest on;
    const EventSeq seq = on.dead("evt_1");

    const AdminReply reply = on.post("/api/v1/events/evt_1/replay", nullptr);

    CHECK(reply.status == 200);
    CHECK(Json::parse(reply.text)["replayed"] ==
          Json::array({{{"seq", seq}, {"id", "evt_1"}, {"module", "rag"}}}));
    CHECK(on.stateOf(seq) == DeliveryState::kWaiting);
    CHECK(on.inbox.life({seq, "rag"})->attempts == 0);
    const AdminReply again = on.post("/api/v1/events/evt_1/replay", Json::object());
    CHECK(again.status == 409);
    CHECK(says(again, "deliveries for rag (waiting)"));
    CHECK(on.post("/api/v1/events/nobody/replay", nullptr).status == 404);
  }

  TEST_CASE("events: a module chooses among the dead letters of one event") {
    EventsUnderTest on;
    const EventSeq seq = on.accept("evt_1", {"rag", "logger"});
    on.inbox.settle({{{seq, "rag"}, Settlement::To::kDead, End::kFailed, {}, ""},
                     {{seq, "logger"}, Settlement::To::kDead, End::kFailed, {}, ""}});

    CHECK(on.post("/api/v1/events/1/replay", {{"to", {"logger"}}}).status == 400);
    CHECK(on.post("/api/v1/events/1/replay", {{"module", "logger"}}).status == 200);
    CHECK(on.stateOf(seq, "logger") == DeliveryState::kWaiting);
    CHECK(on.stateOf(seq, "rag") == DeliveryState::kDead);
    CHECK(on.post("/api/v1/events/1/drop", nullptr).status == 200);
    CHECK(on.stateOf(seq, "rag") == DeliveryState::kDropped);
    CHECK(on.stateOf(seq, "logger") == DeliveryState::kWaiting);
  }

  TEST_CASE("events: what was unrouted goes to whom it is given") {
    EventsUnderTest on;
    const EventSeq seq = on.unrouted("evt_1");

    const AdminReply without = on.post("/api/v1/events/evt_1/replay", nullptr);
    CHECK(without.status == 409);
    CHECK(says(without, "accepted: \"to\" with one or more of rag, other, logger"));
    CHECK(on.post("/api/v1/events/evt_1/replay", {{"to", {"rag", "logger", "rag"}}}).status == 200);
    CHECK(on.stateOf(seq, "rag") == DeliveryState::kWaiting);
    CHECK(on.stateOf(seq, "logger") == DeliveryState::kWaiting);
  }

  TEST_CASE("events: a body that is no event can be dropped and not replayed") {
    EventsUnderTest on;
    const EventSeq seq = on.park("not json");

    const AdminReply replayed = on.post("/api/v1/events/1/replay", {{"to", {"rag"}}});
    CHECK(replayed.status == 409);
    CHECK(says(replayed, "is no event"));
    CHECK(on.post("/api/v1/events/1/drop", nullptr).status == 200);
    CHECK(on.stateOf(seq, kParkedTarget) == DeliveryState::kDropped);
  }

  TEST_CASE("events: a dead letter of a module that is gone needs another") {
    EventsUnderTest on;
    const EventSeq seq = on.dead("evt_1", "gone");

    CHECK(on.post("/api/v1/events/evt_1/replay", nullptr).status == 409);
    CHECK(on.stateOf(seq, "gone") == DeliveryState::kDead);
    CHECK(on.post("/api/v1/events/evt_1/replay", {{"to", {"rag"}}}).status == 200);
    CHECK(on.stateOf(seq, "rag") == DeliveryState::kWaiting);
  }

  TEST_CASE("events: an order that is not understood is 400 and changes nothing") {
    EventsUnderTest on;
    const EventSeq seq = on.dead("evt_1");
    const std::string one = "/api/v1/events/evt_1/replay";
    const std::pair<std::string, std::string> cases[] = {
        {one, "["},
        {one, "[]"},
        {one, "{\"to\":[]}"},
        {one, "{\"to\":\"rag\"}"},
        {one, "{\"to\":[1]}"},
        {one, "{\"to\":[\"nobody\"]}"},
        {one, "{\"to\":[\"rag\",\"other\"]}"},  // both answer
        {one, "{\"modul\":\"rag\"}"},
        {one, "{\"module\":[\"rag\"]}"},
        {one, "{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}"},
        {"/api/v1/events/evt_1/drop", "{\"to\":[\"rag\"]}"},
        {"/api/v1/events/replay", ""},
        {"/api/v1/events/replay", "{\"limit\":10}"},
        {"/api/v1/events/replay", "{\"all\":\"yes\"}"},
        {"/api/v1/events/replay", "{\"all\":true,\"state\":\"waiting\"}"},
        {"/api/v1/events/drop", "{\"all\":false}"},
        {"/api/v1/events/drop", "{\"older_than\":5}"}};
    for (const auto& one_case : cases) {
      const std::string& path = one_case.first;
      const std::string& body = one_case.second;
      const AdminReply reply = on.ask("POST", path, body);
      CHECK_MESSAGE(reply.status == 400, body);
      CHECK(Json::parse(reply.text).contains("error"));
    }
    CHECK(on.stateOf(seq) == DeliveryState::kDead);
  }

  TEST_CASE("events: a bulk replay goes through in slices and takes what its filter means") {
    EventsUnderTest on;
    std::vector<EventSeq> failed;
    for (int n = 0; n < 5; ++n) failed.push_back(on.dead("f" + std::to_string(n)));
    const EventSeq late = on.dead("late", "rag", End::kOverran);
    const EventSeq open = on.accept("open");

    Json body = {{"end", "failed"}, {"limit", 2}};
    int replayed = 0;
    int slices = 0;
    for (bool more = true; more; ++slices) {
      const AdminReply reply = on.post("/api/v1/events/replay", body);
      REQUIRE(reply.status == 200);
      const Json slice = Json::parse(reply.text);
      replayed += static_cast<int>(slice["replayed"].size());
      more = slice.contains("next");
      if (more) body["cursor"] = slice["next"];
    }

    CHECK(replayed == 5);
    CHECK(slices == 3);
    for (const EventSeq seq : failed) CHECK(on.stateOf(seq) == DeliveryState::kWaiting);
    CHECK(on.stateOf(late) == DeliveryState::kDead);
    CHECK(on.stateOf(open) == DeliveryState::kWaiting);
  }

  TEST_CASE("events: a bulk action tells what it could not do and goes on") {
    EventsUnderTest on;
    on.park("not json");
    const EventSeq seq = on.dead("evt_1");

    const Json outcome = Json::parse(on.post("/api/v1/events/replay", {{"all", true}}).text);

    CHECK(outcome["replayed"].size() == 1);
    REQUIRE(outcome["failed"].size() == 1);
    CHECK(outcome["failed"][0]["module"] == kParkedTarget);
    CHECK(outcome["failed"][0].contains("error"));
    CHECK(on.stateOf(seq) == DeliveryState::kWaiting);
    CHECK(Json::parse(on.post("/api/v1/events/drop", {{"module", kParkedTarget}}).text)["dropped"]
              .size() == 1);
  }

  TEST_CASE("events: with storage failed an action is 503 and says so") {
    EventsUnderTest on;
    on.dead("evt_1");
    on.inbox.fail({ErrorKind::kCorrupt, "fsync failed"});

    const AdminReply reply = on.post("/api/v1/events/evt_1/replay", nullptr);

    CHECK(reply.status == 503);
    CHECK(says(reply, "fsync failed"));
  }

  TEST_CASE("openapi: every route that is served is described and the other way round") {
    FakeClock clock;
    Metrics metrics;
    MemoryInbox inbox(clock);
    AdminSources sources;
    sources.reload = [](const AdminRequest&) { return AdminReply(); };
    sources.attempts = sources.reload;
    AdminRouter router = adminRoutes(clock, metrics, inbox, inbox, std::move(sources));
    std::stringstream text;
    text << std::ifstream(MODHOST_SOURCE_DIR "/docs/openapi.json").rdbuf();
    const Json spec = Json::parse(text.str());

    std::set<std::string> described;
    for (const auto& entry : spec.at("paths").items()) {
      const std::string& path = entry.key();
      const Json& methods = entry.value();
      for (const auto& [method, operation] : methods.items()) {
        described.insert((method == "get" ? "GET " : "POST ") + path);
        CHECK_MESSAGE(operation.at("responses").contains("200"), path);
      }
    }
    const std::vector<std::string> routes = router.routes();
    CHECK(described == std::set<std::string>(routes.begin(), routes.end()));

    AdminRequest request;
    request.method = "GET";
    request.path = "/api/v1/openapi.json";
    CHECK(Json::parse(router.answer(request).text) == spec);
  }
}

}  // namespace modhost::host
