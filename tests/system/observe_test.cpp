// What an operator sees of a conversation: log, metrics and traces say the same, and none of them
// says what is secret.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "host/base/crypto.h"
#include "host/base/trace_context.h"
#include "tests/system/main_job.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kTraceHeader[] =
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

int postTraced(int port, const std::string& body, const std::string& secret = kTestSecret) {
  return postWebhook(port, body, secret, std::chrono::seconds(60), {kTraceHeader}).status;
}

// Every line of a host whose log is JSON.
std::vector<Json> logLines(const HostProcess& host) {
  std::vector<Json> lines;
  std::istringstream text(host.log());
  for (std::string line; std::getline(text, line);) {
    REQUIRE_MESSAGE(Json::accept(line), line);
    lines.push_back(Json::parse(line));
  }
  return lines;
}

std::vector<Json> linesWhere(const HostProcess& host, const std::string& key,
                             const std::string& value) {
  std::vector<Json> found = logLines(host);
  std::erase_if(found, [&](const Json& line) { return line.value(key, "") != value; });
  return found;
}

// The sum over all series of a metric whose labels hold `label`.
double metric(const HostProcess& host, const std::string& name, const std::string& label = "") {
  double sum = 0;
  std::istringstream text(httpGet(host.adminPort(), "/metrics").body);
  for (std::string line; std::getline(text, line);) {
    const bool named = line.starts_with(name + "{") || line.starts_with(name + " ");
    if (!named || line.find(label) == std::string::npos) continue;
    sum += std::stod(line.substr(line.rfind(' ')));
  }
  return sum;
}

bool settled(const HostProcess& host, double count) {
  return eventually([&] { return metric(host, "modhost_deliveries_total") == count; });
}

struct Observed {
  Observed() : host(platform.apiBase()) {}

  void start(const std::string& isolation, const std::string& more = "",
             const std::string& log = "{format: json, level: trace}") {
    host.setLog(log);
    host.configure(mainJobModules(host, isolation) + "dispatch: {stop_poll: 0}\n" + more);
    host.start();
  }

  RecordingPlatform platform;
  HostProcess host;
};

}  // namespace

TEST_SUITE_BEGIN("system");

TEST_CASE("observe: log and metrics and traces of one conversation say the same") {
  Observed on;
  std::string isolation;
  SUBCASE("in a worker") { isolation = "worker"; }
  SUBCASE("in process") { isolation = "in_process"; }
  on.platform.script({"POST", "/search", 1, ""}, {.status = 503});  // one try more
  on.start(isolation);

  REQUIRE(postTraced(on.host.port(), chosenEventBody("evt_1")) == 200);
  REQUIRE(on.platform.waitFor([&] { return answered(on.platform, "evt_1"); }));
  REQUIRE(settled(on.host, 1));

  // What the platform saw is what the log and the metrics tell.
  const std::vector<RecordedCall> calls = on.platform.calls();
  const std::vector<Json> of_event = linesWhere(on.host, "event", "evt_1");
  std::vector<std::string> tries;
  std::set<std::string> spans;
  double ended_calls = 0;
  for (const Json& line : of_event) {
    CHECK(line["trace_id"] == kTrace);
    if (line["area"] != "ingress") CHECK(line["delivery"] == "1/rag-responder");
    if (line["message"] == "call ended") ++ended_calls;
    if (line["message"] != "try ended") continue;
    tries.push_back(line["method"].get<std::string>() + " " + line["path"].get<std::string>() +
                    " " + std::to_string(line["status"].get<int>()));
    spans.insert(line["span_id"]);
  }
  REQUIRE(tries.size() == calls.size());
  std::set<std::string> spans_seen;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    CHECK(tries[i].starts_with(calls[i].method + " " + calls[i].path + " "));
    const auto trace = parseTraceparent(calls[i].headers.at("traceparent"));
    REQUIRE(trace);
    CHECK(trace->trace_id == kTrace);
    CHECK(trace->sampled);
    spans_seen.insert(trace->parent_id);
  }
  CHECK(std::count_if(tries.begin(), tries.end(),
                      [](const std::string& one) { return one.ends_with(" 503"); }) == 1);
  CHECK(spans == spans_seen);
  CHECK(spans.size() == 7);
  CHECK(ended_calls == 7);
  CHECK(metric(on.host, "modhost_platform_calls_total") == 7);
  CHECK(metric(on.host, "modhost_platform_calls_total", "outcome=\"2xx\"") == 7);
  CHECK(metric(on.host, "modhost_platform_call_seconds_count") == 7);
  CHECK(metric(on.host, "modhost_platform_retries_total") == 1);

  // The ends agree, too.
  const auto told = [&](const char* message) {
    return std::count_if(of_event.begin(), of_event.end(),
                         [&](const Json& line) { return line["message"] == message; });
  };
  CHECK(told("stored") == 1);
  CHECK(told("attempt begun") == 1);
  CHECK(told("attempt came back") == 1);
  CHECK(told("delivery ended") == 1);
  CHECK(metric(on.host, "modhost_events_total", "result=\"stored\"") == 1);
  CHECK(metric(on.host, "modhost_inbox_accepted_total") == 1);
  CHECK(metric(on.host, "modhost_ack_seconds_count") == 1);
  CHECK(metric(on.host, "modhost_attempt_seconds_count") == 1);
  CHECK(metric(on.host, "modhost_queue_wait_seconds_count") == 1);
  CHECK(
      metric(
          on.host, "modhost_event_outcomes_total",
          "module=\"rag-responder\",outcome=\"ok\",type=\"unique.chat.external-module.chosen\"") ==
      1);
  CHECK(metric(on.host, "modhost_inbox_oldest_seconds") == 0);
}

TEST_CASE("observe: a trace survives the death of the host") {
  Observed on;
  const auto held = on.platform.hold({"POST", "/search", 0, ""});
  on.start("worker");
  REQUIRE(postTraced(on.host.port(), chosenEventBody("evt_1")) == 200);
  REQUIRE(held->waitForArrivals());
  on.host.kill();
  held->release();

  on.host.start();
  REQUIRE(on.platform.waitFor([&] { return answered(on.platform, "evt_1"); }));

  for (const RecordedCall& call : on.platform.calls()) {
    CHECK(parseTraceparent(call.headers.at("traceparent"))->trace_id == kTrace);
  }
}

TEST_CASE("observe: an event without a valid trace gets one of its own") {
  Observed on;
  on.start("worker");
  postWebhook(on.host.port(), chosenEventBody("evt_1"));
  REQUIRE(on.platform.waitFor([&] { return answered(on.platform, "evt_1"); }));

  for (const RecordedCall& call : on.platform.calls()) {
    const auto trace = parseTraceparent(call.headers.at("traceparent"));
    REQUIRE(trace);
    CHECK(trace->trace_id == traceFrom("evt_1").trace_id);
  }
}

TEST_CASE("observe: at level trace nothing says a secret or what people wrote") {
  Observed on;
  const std::string secrets[] = {"whsec-marker-1",  "api-key-marker-2",  "admin-token-marker-3",
                                 "config-marker-4", "question-marker-5", "found-marker-6",
                                 "answer-marker-7"};
  on.host.setVariable("UNIQUE_ENDPOINT_SECRET", secrets[0]);
  on.host.setVariable("UNIQUE_API_KEY", secrets[1]);
  on.host.setVariable("ADMIN_TOKEN", secrets[2]);
  on.host.setVariable("MODULE_SECRET", secrets[3]);
  on.platform.setSearchResults({{{"id", "cont_1"}, {"chunkId", "chunk_1"}, {"text", secrets[5]}}});
  on.platform.setCompletion(secrets[6]);
  // One that fails, so that errors, an apology and a dead letter are among what is looked at.
  on.platform.script({.method = "POST", .path_prefix = "/search", .company = "bad"},
                     {.status = 400, .body = R"({"error":"question-marker-5"})"});
  std::string isolation, format;
  SUBCASE("workers and JSON") { isolation = "worker", format = "json"; }
  SUBCASE("in process and text") { isolation = "in_process", format = "text"; }
  on.host.setLog("{format: " + format + ", level: trace}");
  on.host.configure(
      "admin_token: \"${ADMIN_TOKEN}\"\nmodules:\n"
      "  - {id: rag-responder, isolation: " +
      isolation +
      ", answers: true, log_level: trace,"
      " config: {separator: \"${MODULE_SECRET}\"}}\n"
      "  - {id: message-logger, isolation: " +
      isolation + ", config: {file: " + on.host.file("messages.jsonl") +
      ", text: full}}\n"
      "routes:\n"
      "  - {event: unique.chat.external-module.chosen, to: rag-responder}\n"
      "  - {event: unique.chat.user-message.created, to: message-logger}\n");
  on.host.start();
  const std::string signature_of_all =
      hex(HmacKey(secrets[0]).sign(chosenEventBody("evt_1", secrets[4])));

  CHECK(postTraced(on.host.port(), chosenEventBody("evt_1", secrets[4]), secrets[0]) == 200);
  CHECK(postTraced(on.host.port(), userMessageEventBody("evt_2", secrets[4]), secrets[0]) == 200);
  CHECK(postTraced(on.host.port(), chosenEventBody("evt_3", secrets[4], "chat", "bad"),
                   secrets[0]) == 200);
  CHECK(postTraced(on.host.port(), "no event: " + secrets[4], secrets[0]) == 200);
  CHECK(postTraced(on.host.port(), chosenEventBody("evt_5", secrets[4]), "wrong") == 400);
  REQUIRE(on.platform.waitFor([&] { return answered(on.platform, "evt_1", secrets[6]); }));
  REQUIRE(on.platform.waitFor([&] { return answered(on.platform, "evt_3", kApology); }));
  std::string said;
  const auto get = [&](const std::string& path) {
    const HttpAnswer answer = httpGet(on.host.adminPort(), path, secrets[2]);
    CHECK(answer.status == 200);
    said += answer.body;
    return answer.body;
  };
  REQUIRE(eventually([&] {
    return Json::parse(httpGet(on.host.adminPort(), "/status", secrets[2]).body)["inbox"]["dead"] ==
           2;
  }));
  for (const char* path : {"/metrics", "/status", "/api/v1/status", "/readyz", "/healthz",
                           "/api/v1/events", "/api/v1/events?state=dead", "/api/v1/events/evt_1",
                           "/api/v1/events/evt_3", "/api/v1/log-level", "/api/v1/openapi.json"}) {
    get(path);
  }
  const std::string url = "http://127.0.0.1:" + std::to_string(on.host.adminPort());
  const std::vector<std::vector<std::string>> commands = {{"check"},
                                                          {"status"},
                                                          {"status", "--json"},
                                                          {"events", "list"},
                                                          {"events", "show", "evt_3"},
                                                          {"events", "show", "evt_3", "--json"},
                                                          {"events", "replay", "evt_3"},
                                                          {"log-level"},
                                                          {"reload"},
                                                          {"modules"}};
  for (std::vector<std::string> command : commands) {
    CAPTURE(command.front());
    const bool asks = command.front() != "check" && command.front() != "modules";
    if (asks) command.insert(command.end(), {"--admin", url, "--token-env", "ADMIN_TOKEN"});
    CHECK(on.host.run(command).exit_status == 0);
  }
  on.host.terminate();
  said += on.host.log() + on.host.output();

  CHECK(said.find("try ended") != std::string::npos);
  CHECK(said.find("\"up\"") != std::string::npos);
  for (const std::string& secret : secrets) {
    CAPTURE(secret);
    CHECK(said.find(secret) == std::string::npos);
  }
  CHECK(said.find(signature_of_all) == std::string::npos);
}

TEST_CASE("observe: message text stands in the log when the operator asks for it") {
  Observed on;
  on.platform.setCompletion("The fee is 5.");
  on.start("worker", "", "{format: json, message_text: true}");
  const std::string long_question = "Which fees apply? " + std::string(500, 'x');

  REQUIRE(postTraced(on.host.port(), chosenEventBody("evt_1", long_question)) == 200);
  REQUIRE(on.platform.waitFor([&] { return answered(on.platform, "evt_1"); }));

  const std::vector<Json> questions = linesWhere(on.host, "message", "question");
  REQUIRE(questions.size() == 1);
  CHECK(questions[0]["text"].get<std::string>().starts_with("Which fees apply? xxx"));
  CHECK(questions[0]["text"].get<std::string>().size() < 210);
  const std::vector<Json> answers = linesWhere(on.host, "message", "answer");
  REQUIRE(answers.size() == 1);
  CHECK(answers[0]["text"] == "The fee is 5.");
  CHECK(answers[0]["trace_id"] == kTrace);
}

TEST_CASE("observe: a host whose module cannot be started again is not ready and says which") {
  Observed on;
  on.start("worker", "worker: {restart_backoff: 10ms, restart_backoff_max: 50ms}\n");
  CHECK(httpGet(on.host.adminPort(), "/readyz").status == 200);
  CHECK(metric(on.host, "modhost_modules_down") == 0);

  // Somebody cleans run_dir, then the workers die: there is no file to start the next ones from.
  std::filesystem::remove_all(on.host.file("run"));
  for (const pid_t worker : on.host.children()) ::kill(worker, SIGKILL);

  const auto ready = [&] { return httpGet(on.host.adminPort(), "/readyz"); };
  REQUIRE(eventually([&] { return ready().status == 503; }));
  REQUIRE(eventually([&] { return Json::parse(ready().body)["reasons"].size() == 2; }));
  CHECK(ready().body.find("module rag-responder: no worker is ready") != std::string::npos);
  CHECK(metric(on.host, "modhost_modules_down") == 2);
  CHECK(httpGet(on.host.port(), "/health").status == 200);
  CHECK(httpGet(on.host.adminPort(), "/healthz").status == 200);

  REQUIRE(
      on.host.run({"reload", "--admin", "http://127.0.0.1:" + std::to_string(on.host.adminPort())})
          .exit_status == 0);
  CHECK(eventually([&] { return ready().status == 200; }));
}

TEST_SUITE_END();

}  // namespace modhost::host
