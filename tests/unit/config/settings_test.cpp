#include <doctest/doctest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "tests/unit/config/config_file.h"

namespace modhost::host {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const std::string kSecretsAccepted =
    "a list of non-empty secrets without control characters, each as text or as a mapping with "
    "secret and expires, 1 to 8 of them";

TEST_SUITE_BEGIN("config");

TEST_CASE("settings: a file with only what is required has the documented defaults") {
  const Settings settings = loaded(minimal());

  CHECK(settings.listen_host == "0.0.0.0");
  CHECK(settings.listen_port == 8080);
  CHECK(settings.admin_enabled);
  CHECK(settings.admin_port == 9090);
  CHECK(settings.webhook.path == "/webhook");
  CHECK(settings.webhook.tolerance == seconds(300));
  CHECK(settings.webhook.max_body_bytes == 8 * 1024 * 1024);
  CHECK(settings.webhook.max_event_age == milliseconds(0));
  CHECK(settings.platform.api_base == "https://gateway.unique.app/public/chat-gen2");
  CHECK(settings.platform.tries == 3);
  CHECK(settings.dispatch.answer_within == minutes(15));
  CHECK(settings.dispatch.drain == seconds(30));
  CHECK(settings.dispatch.interruptions_max == 3);
  CHECK(settings.dispatch.unrouted == "count");
  CHECK_FALSE(settings.inbox.keep_bodies);
  CHECK(settings.modules.empty());
}

TEST_CASE("settings: every notation of a value is read") {
  const Settings settings = loaded(
      "listen: \"[::1]:0\"\nadmin: off\n"
      "webhook: {secrets: [0123, \"bcd\"], tolerance: 1500ms, max_body: 512KiB, max_event_age: "
      "2h}\n"
      "platform: {api_key: 42, app_id: 007, tries: \"2\", reply_max: 1MiB}\n"
      "inbox: {retention: 7d, disk_free_min: 0, keep_bodies: true}\ngate:\nworker: {stop_grace: "
      "0}\n"
      "modules:\n- {id: a, retry: {attempts: 3, backoff: 15m, backoff_max: 15m}, order_by: chat,"
      " platform_calls: [\"GET /messages/*\"]}\n- {id: b}\n"
      "routes:\n- {event: unique.*, to: [a, b], when: {payload.name: x, payload.n: [1, true, "
      "\"1\"]}}\n");

  CHECK(settings.listen_host == "::1");
  CHECK(settings.listen_port == 0);
  CHECK_FALSE(settings.admin_enabled);
  REQUIRE(settings.webhook.secrets.size() == 2);
  CHECK(settings.webhook.secrets[0].text == "0123");
  CHECK(settings.webhook.secrets[1].text == "bcd");
  CHECK(settings.webhook.tolerance == milliseconds(1500));
  CHECK(settings.webhook.max_body_bytes == 512 * 1024);
  CHECK(settings.webhook.max_event_age == hours(2));
  CHECK(settings.platform.api_key == "42");
  CHECK(settings.platform.app_id == "007");
  CHECK(settings.platform.tries == 2);
  CHECK(settings.inbox.retention == hours(24 * 7));
  CHECK(settings.inbox.disk_free_min_bytes == 0);
  CHECK(settings.inbox.keep_bodies);
  CHECK(settings.gate.threads == 4);
  CHECK(settings.modules[0].retry_backoff == minutes(15));
  CHECK(settings.modules[0].order_by == "chat");
  CHECK(settings.modules[0].platform_calls == std::vector<std::string>{"GET /messages/*"});
  CHECK(settings.routes[0].to == std::vector<std::string>{"a", "b"});
  CHECK(settings.routes[0].when_json == R"({"payload.name":["x"],"payload.n":[1,true,"1"]})");
}

TEST_CASE("settings: relative paths count from the folder of the file") {
  ConfigFile file(
      minimal("modules_dir: lib/../mods\nrun_dir: /run/x\ninbox: {sqlite: {path: state/i.db}}\n"
              "modules: [{id: a}, {id: b, path: other/b.so}, {id: c, path: /abs/c.so}]\n"));

  const Settings settings = file.load();

  CHECK(settings.inbox.sqlite_path == file.path("state/i.db"));
  CHECK(settings.run_dir == "/run/x");
  CHECK(settings.modules_dir == file.path("mods"));
  CHECK(settings.modules[0].path == file.path("mods/a.so"));
  CHECK(settings.modules[1].path == file.path("other/b.so"));
  CHECK(settings.modules[2].path == "/abs/c.so");
  CHECK(settings.platform.ca_file.empty());
}

TEST_CASE("settings: a module's config keeps its text and the place of every value") {
  ConfigFile file(minimal(
      "modules:\n  - id: m\n    config:\n      limit: 3\n      list:\n        - {deep: x}\n"));

  const Settings settings = file.load();
  const auto position = [&](const std::string& pointer) {
    return replaced(settings.modules[0].positionOf(pointer), file.path(), "f");
  };

  CHECK(settings.modules[0].config_json == R"({"limit":3,"list":[{"deep":"x"}]})");
  CHECK(position("") == "f:6:7");
  CHECK(position("/limit") == "f:6:14");
  CHECK(position("/list/0/deep") == "f:8:18");
  CHECK(position("/list/0/missing/member") == "f:8:11");
  CHECK(position("nonsense") == "f:6:7");
  CHECK(replaced(settings.modules[0].config_where, file.path(), "f") == "f:6:7");
  CHECK(replaced(settings.modules[0].where, file.path(), "f") == "f:4:5");
}

TEST_CASE("settings: the API base loses the quotes and slashes that env files leave") {
  for (const char* written :
       {"https://h.example/api/", "'\"https://h.example/api\"'", "\"'https://h.example/api//'\""}) {
    const auto settings =
        loaded("webhook: {secrets: [abc]}\nplatform: {api_key: k3y, app_id: a, api_base: " +
               std::string(written) + "}\n");
    CHECK(settings.platform.api_base == "https://h.example/api");
  }
}

TEST_CASE("settings: an API base that is none is refused") {
  for (const char* bad :
       {"ftp://h", "h.example", "https://", "https://user:pw@h", "https://h?q=1", "https://h#f",
        "https://h:99999", "https://h x", "https://[::1", "https://h:"}) {
    const std::string said = refusal(
        minimal().replace(minimal().find("app_id"), 0, std::string("api_base: \"") + bad + "\", "));
    CHECK(said.rfind("modules.yaml:2:46: platform.api_base is ", 0) == 0);
  }
}

TEST_CASE("settings: an unknown key is refused with the nearest known one") {
  CHECK(refusal("lisden: x:1\n")
            .rfind("modules.yaml:1:1: unknown key \"lisden\"; did you mean listen? accepted "
                   "here: listen, admin, admin_token, admin_show_bodies, webhook, gate, platform, "
                   "inbox, dispatch, worker, log, "
                   "modules_dir, modules_watch, still_mapped_max, run_dir, modules, routes",
                   0) == 0);
  CHECK(refusal("webhook:\n  tolerence: 1s\n") ==
        "modules.yaml:2:3: unknown key \"webhook.tolerence\"; did you mean webhook.tolerance? "
        "accepted here: "
        "path, secrets, tolerance, max_body, max_event_age");
  CHECK(refusal("max_body: 1MiB\n").find("did you mean webhook.max_body (nested mappings)?") !=
        std::string::npos);
  CHECK(refusal("webhook.path: /x\n").find("did you mean webhook.path (nested mappings)?") !=
        std::string::npos);
  CHECK(refusal("inbox: {sqlite: {pth: x}}\n") ==
        "modules.yaml:1:18: unknown key \"inbox.sqlite.pth\"; did you mean inbox.sqlite.path? "
        "accepted here: path");
  CHECK(
      refusal(minimal("modules: [{id: a, retries: 3}]\n")) ==
      "modules.yaml:3:19: unknown key \"modules[0].retries\"; did you mean modules[0].retry? "
      "accepted here: id, "
      "path, sha256, isolation, concurrency, timeout, order_by, answers, retry, log_level, config, "
      "platform_calls");
  CHECK(refusal(minimal("zzzzzzzz: 1\n"))
            .rfind("modules.yaml:3:1: unknown key \"zzzzzzzz\"; accepted here:", 0) == 0);
}

TEST_CASE("settings: a value of the wrong kind is refused with what is accepted") {
  CHECK(refusal("webhook: {tolerance: 300, secrets: [a]}\n") ==
        "modules.yaml:1:22: webhook.tolerance is \"300\"; accepted: a duration such as 1500ms, "
        "300s, 15m, 2h or "
        "7d, from 0 to 7d");
  CHECK(
      refusal("webhook: {tolerance: 8d, secrets: [a]}\n").find("is \"8d\"; accepted: a duration") !=
      std::string::npos);
  CHECK(refusal("webhook: {max_body: 8MB, secrets: [a]}\n") ==
        "modules.yaml:1:21: webhook.max_body is \"8MB\"; accepted: a size such as 512KiB, 8MiB or "
        "1GiB, from 1KiB "
        "to 64MiB");
  CHECK(refusal(minimal("gate: {threads: many}\n")) ==
        "modules.yaml:3:17: gate.threads is \"many\"; accepted: a whole number, from 1 to 512");
  CHECK(refusal(minimal("gate: {threads: 513}\n")) ==
        "modules.yaml:3:17: gate.threads is \"513\"; accepted: a whole number, from 1 to 512");
  CHECK(refusal(minimal("gate: {threads: [1]}\n")) ==
        "modules.yaml:3:17: gate.threads is a list; accepted: a whole number, from 1 to 512");
  CHECK(refusal(minimal("inbox: {keep_bodies: yes}\n")) ==
        "modules.yaml:3:22: inbox.keep_bodies is \"yes\"; accepted: true or false");
  CHECK(refusal(minimal("log: {level: verbose}\n")) ==
        "modules.yaml:3:14: log.level is \"verbose\"; accepted: trace, debug, info, warn or "
        "error");
  CHECK(refusal("listen: 8080\n") ==
        "modules.yaml:1:9: listen is \"8080\"; accepted: host:port such as 127.0.0.1:8080 or "
        "[::1]:8080");
  CHECK(refusal("admin: no\n") ==
        "modules.yaml:1:8: admin is \"no\"; accepted: host:port such as 127.0.0.1:8080 or "
        "[::1]:8080, or off");
  CHECK(refusal("webhook: here\n") ==
        "modules.yaml:1:10: webhook is no mapping; accepted: a mapping with path, secrets, "
        "tolerance, max_body, "
        "max_event_age");
  CHECK(refusal("webhook: {path: webhook, secrets: [a]}\n")
            .find("webhook.path is \"webhook\"; accepted: a path") != std::string::npos);
  CHECK(refusal("webhook: {path: /health}\n").find("other than /health") != std::string::npos);
  CHECK(refusal(minimal("modules: {id: a}\n")) ==
        "modules.yaml:3:10: modules is a mapping; accepted: a list of mappings, 0 to 64 of them");
  CHECK(refusal(minimal("modules: [a]\n"))
            .rfind("modules.yaml:3:11: modules[0] is no mapping; accepted", 0) == 0);
  CHECK(refusal(minimal("modules: [{id: a, config: [1]}]\n")) ==
        "modules.yaml:3:27: modules[0].config is a list; accepted: a mapping");
}

TEST_CASE("settings: numbers too large for any unit are refused and not wrapped around") {
  for (const char* huge :
       {"99999999999999999999s", "9223372036854775807d", "-1s", "1.5s", "s", "1 s", "+1s"}) {
    CHECK(refusal("webhook: {tolerance: \"" + std::string(huge) + "\", secrets: [a]}\n")
              .rfind("modules.yaml:1:22: ", 0) == 0);
  }
  CHECK(refusal("listen: h:65536\n") != "accepted");
  CHECK(refusal("listen: h:-1\n") != "accepted");
  CHECK(refusal("listen: \"::1:80\"\n") != "accepted");
}

TEST_CASE("settings: what is required and missing is named where it belongs") {
  CHECK(refusal("").rfind(
            "modules.yaml:1:1: the file is no mapping; accepted: a mapping with listen", 0) == 0);
  CHECK(refusal("# nothing\n").rfind("modules.yaml:1:1: the file is no mapping", 0) == 0);
  CHECK(refusal("webhook: {path: /w}\n") ==
        "modules.yaml:1:10: webhook.secrets is missing; accepted: " + kSecretsAccepted);
  CHECK(refusal("webhook: {secrets: [a]}\nplatform:\n") ==
        "modules.yaml:1:1: platform.api_key is missing; accepted: non-empty text without control "
        "characters");
  CHECK(refusal(minimal("modules:\n  - {path: x}\n")) ==
        "modules.yaml:4:5: modules[0].id is missing; accepted: 1 to 63 of a-z, 0-9 and -");
  CHECK(refusal(minimal("modules: [{id: a}]\nroutes: [{event: e}]\n")) ==
        "modules.yaml:4:10: routes[0].to is missing; accepted: a module's id or a list of ids, 1 "
        "to 64 of them");
}

TEST_CASE("settings: an empty secret is refused and no secret is ever quoted") {
  const Variable empty("MODHOST_TEST_EMPTY", "");

  CHECK(refusal("webhook: {secrets: [a, \"${MODHOST_TEST_EMPTY}\"]}\n") ==
        "modules.yaml:1:24: webhook.secrets[1] is empty (\"${MODHOST_TEST_EMPTY}\"); accepted: " +
            kSecretsAccepted);
  CHECK(refusal("webhook: {secrets: []}\n")
            .rfind("modules.yaml:1:20: webhook.secrets is a list of 0; ", 0) == 0);
  CHECK(refusal("webhook: {secrets: [~]}\n")
            .rfind("modules.yaml:1:21: webhook.secrets[0] is nothing; ", 0) == 0);
  CHECK(refusal("webhook: {secrets: hunter2}\n").find("hunter2") == std::string::npos);
  CHECK(refusal("webhook: {secrets: [\"hunter2\\n\"]}\n") ==
        "modules.yaml:1:21: webhook.secrets[0] is text that is not shown; accepted: " +
            kSecretsAccepted);
}

TEST_CASE("settings: ids and routes and calls are held to their form") {
  for (const char* bad : {"A", "a_b", "a.so", "../a", "\"\"", "\"a b\""}) {
    CHECK(refusal(minimal("modules: [{id: " + std::string(bad) + "}]\n"))
              .rfind("modules.yaml:3:16: ", 0) == 0);
  }
  CHECK(refusal(minimal("modules: [{id: " + std::string(64, 'a') + "}]\n")) != "accepted");
  CHECK(refusal(minimal("modules: [{id: " + std::string(63, 'a') + "}]\n")) == "accepted");
  for (const char* bad : {"\"\"", "a*b", "\"*.a\"", "\"a b\""}) {
    CHECK(
        refusal(minimal("modules: [{id: a}]\nroutes: [{to: a, event: " + std::string(bad) + "}]\n"))
            .rfind("modules.yaml:4:25: routes[0].event is ", 0) == 0);
  }
  for (const char* bad : {"GET", "get /x", "GET x", "GET /a/../b", "GET /x y", "GET http://h/"}) {
    CHECK(refusal(minimal("modules: [{id: a, platform_calls: [\"" + std::string(bad) + "\"]}]\n"))
              .rfind("modules.yaml:3:36: modules[0].platform_calls[0] is ", 0) == 0);
  }
}

TEST_CASE("settings: conditions take scalars and lists of scalars") {
  const auto when = [](const std::string& written) {
    return refusal(
        minimal("modules: [{id: a}]\nroutes: [{event: e, to: a, when: " + written + "}]\n"));
  };

  CHECK(when("{a.b: [1, x]}") == "accepted");
  CHECK(when("{a.b: {c: 1}}") ==
        "modules.yaml:4:40: routes[0].when.a.b is a mapping; accepted: a mapping of dotted paths "
        "to a value or a "
        "list of values");
  for (const char* bad :
       {"{a: []}", "{a: ~}", "{a: [~]}", "{a: [[1]]}", "{a..b: 1}", "{\"\": 1}", "[a]", "a"}) {
    CHECK(when(bad) != "accepted");
  }
}

TEST_CASE("settings: the path of a condition is shown on one line and cut") {
  const std::string written = "{\"a\\nb" + std::string(200, 'x') + "\": [a, {}]}";
  const std::string message =
      refusal(minimal("modules: [{id: a}]\nroutes: [{event: e, to: a, when: " + written + "}]\n"));

  CHECK(message.find(".when.a\\nbxxx") != std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
  CHECK(message.size() < 300);
}

TEST_CASE("settings: a module id stands once") {
  CHECK(refusal(minimal("modules:\n- {id: a}\n- {id: b}\n- {id: a}\n")) ==
        "modules.yaml:6:8: modules[2].id is \"a\", as at modules.yaml:4:8; accepted: each id once");
}

TEST_CASE("settings: a route to no module is refused with the nearest one") {
  CHECK(refusal(minimal("modules: [{id: rag-responder}, {id: b}]\nroutes:\n- {event: e, to: [b, "
                        "rag-responser]}\n")) ==
        "modules.yaml:5:22: routes[0].to[1] is \"rag-responser\", which is no module; did you mean "
        "rag-responder? "
        "accepted: rag-responder, b");
  CHECK(refusal(minimal("routes: [{event: e, to: a}]\n")) ==
        "modules.yaml:3:25: routes[0].to[0] is \"a\", which is no module; accepted: an id of "
        "modules[], which is "
        "empty");
}

TEST_CASE("settings: one event has at most one module that answers") {
  const auto routes = [](const std::string& lines) {
    return refusal(minimal(
        "modules: [{id: a, answers: true}, {id: b, answers: true}, {id: c}]\nroutes:\n" + lines));
  };

  CHECK(routes("- {event: e, to: [c, a, b]}\n") ==
        "modules.yaml:5:25: routes[0].to[2] is \"b\", which answers, as \"a\" at modules.yaml:5:22 "
        "does for the same "
        "event; accepted: one module with answers: true per event");
  CHECK(routes("- {event: e, to: [a, a, b]}\n").rfind("modules.yaml:5:25: routes[0].to[2]", 0) ==
        0);
  CHECK(routes("- {event: e.x, to: a}\n- {event: e.*, to: b}\n")
            .rfind("modules.yaml:6:20: routes[1].to[0]", 0) == 0);
  CHECK(routes("- {event: e*, to: a}\n- {event: e.x.*, to: b}\n") != "accepted");
  CHECK(routes("- {event: e.*, to: a}\n- {event: e., to: b}\n") != "accepted");
  CHECK(routes("- {event: e, to: a}\n- {event: e, to: b, when: {n: 1}}\n") != "accepted");
  CHECK(
      routes("- {event: e, to: a, when: {n: [1, 2]}}\n- {event: e, to: b, when: {n: [2, 3]}}\n") !=
      "accepted");

  CHECK(routes("- {event: e, to: [a, c]}\n- {event: e, to: [a, c]}\n") == "accepted");
  CHECK(routes("- {event: e.x, to: a}\n- {event: e.y, to: b}\n") == "accepted");
  CHECK(routes("- {event: e.*, to: a}\n- {event: f.*, to: b}\n") == "accepted");
  CHECK(routes("- {event: e.*, to: a}\n- {event: e, to: b}\n") == "accepted");
  CHECK(routes("- {event: e, to: a, when: {n: [1, 2]}}\n- {event: e, to: b, when: {n: 3}}\n") ==
        "accepted");
}

TEST_CASE("settings: rules between two keys are held") {
  CHECK(refusal("webhook: {secrets: [a]}\nplatform: {api_key: k, app_id: a, backoff: 31s}\n") ==
        "modules.yaml:2:44: platform.backoff is 31s, more than platform.backoff_max; accepted: at "
        "most 30s");
  CHECK(refusal(minimal("worker: {restart_backoff_max: 50ms}\n")) ==
        "modules.yaml:3:9: worker.restart_backoff is 100ms, more than worker.restart_backoff_max; "
        "accepted: at most "
        "50ms");
  CHECK(refusal(minimal("modules: [{id: a, retry: {backoff: 10m}}]\n")) ==
        "modules.yaml:3:36: modules[0].retry.backoff is 10m, more than "
        "modules[0].retry.backoff_max; accepted: at "
        "most 5m");
  CHECK(refusal(minimal("gate: {buffered_max: 1MiB}\n"))
            .find("modules.yaml:3:22: gate.buffered_max is 1MiB, too small") == 0);
  CHECK(refusal(minimal("worker: {frame_max: 1MiB}\n")) ==
        "modules.yaml:3:21: worker.frame_max is 1MiB, too small for webhook.max_body or "
        "platform.reply_max; "
        "accepted: at least 8256KiB");
}

TEST_CASE("settings: what is accepted but hardly meant is warned about") {
  ConfigFile file(
      "webhook: {secrets: [s3cr3t-for-tests]}\n"
      "platform: {api_base: http://api.example, api_key: \"'k3y'\", app_id: a, allow_plain_http: "
      "true, http2: true}\nmodules: [{id: m}]\n");

  std::vector<std::string> warnings = file.load().warnings;
  for (std::string& line : warnings) line = replaced(line, file.path(), "f");

  CHECK(warnings ==
        std::vector<std::string>{
            "f:2:51: platform.api_key begins and ends with a quote; is that meant?",
            "f:2:22: platform.api_base is plain http: the key and every chat travel "
            "readable",
            "f:2:102: platform.http2 is of no use: api_base is plain http, where calls go "
            "by HTTP/1.1",
            "f:3:11: modules[0] (m) gets no event: no route leads to it",
            "f:1:1: routes is empty: every event is unrouted"});
}

TEST_CASE("settings: plain http is for loopback or for who asks for it") {
  const auto platform = [](const std::string& more) {
    return "webhook: {secrets: [abc]}\nplatform: {app_id: a, api_key: k3y, " + more +
           "}\nmodules: [{id: m}]\nroutes: [{event: e, to: m}]\n";
  };
  for (const char* base : {"http://127.0.0.1:1", "http://localhost", "http://[::1]:80/x"}) {
    CHECK(loaded(platform("api_base: \"" + std::string(base) + "\"")).warnings.empty());
  }
  CHECK(refusal(platform("api_base: http://api.example"))
            .find("platform.api_base is plain http to another machine") != std::string::npos);
  CHECK(refusal(platform("api_base: http://api.example, allow_plain_http: true")) == "accepted");
}

TEST_CASE("settings: the admin port is another than the webhook's") {
  for (const char* pair :
       {"listen: 127.0.0.1:7\nadmin: 127.0.0.1:7\n", "listen: 0.0.0.0:7\nadmin: 127.0.0.1:7\n"}) {
    CHECK(refusal(minimal(pair)).find("admin has the port of listen, 7; accepted") !=
          std::string::npos);
  }
  for (const char* pair :
       {"listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n", "listen: 10.0.0.7:7\nadmin: 127.0.0.1:7\n",
        "listen: 127.0.0.1:7\nadmin: off\n"}) {
    CHECK_NOTHROW(loaded(minimal(pair)));
  }
}

TEST_CASE("settings: an admin port that others can reach is refused without a token") {
  for (const char* address :
       {"0.0.0.0:9090", "\"[::]:9090\"", "10.0.0.7:1", "127.0.0.1.example:1"}) {
    CHECK_MESSAGE(refusal(minimal("admin: " + std::string(address) + "\n"))
                          .find("which others can reach, and there is no admin_token; accepted: a "
                                "loopback address") != std::string::npos,
                  address);
  }
  const Settings settings = loaded(minimal("admin: 0.0.0.0:9090\nadmin_token: 0123456789abcdef\n"));
  CHECK(settings.admin_token == "0123456789abcdef");
  CHECK_FALSE(settings.admin_show_bodies);
  for (const char* address : {"off", "127.0.0.1:1", "localhost:1", "\"[::1]:1\""}) {
    CHECK(loaded(minimal("admin: " + std::string(address) + "\n")).admin_token.empty());
  }
}

TEST_CASE("settings: a short admin token is warned about and never shown") {
  const std::string yaml = minimal("admin_token: hunter2\n");
  const Settings settings = loaded(yaml);

  CHECK(settings.warnings.at(0).find("admin_token is shorter than 16") != std::string::npos);
  CHECK(settings.warnings.at(0).find("hunter2") == std::string::npos);
  CHECK(effectiveYaml(settings).find("admin_token: \"***\"") != std::string::npos);
  CHECK(effectiveYaml(loaded(minimal())).find("admin_token: \"\"") != std::string::npos);
}

TEST_CASE("settings: a file that cannot be read is refused with the reason") {
  ConfigFile file;
  std::filesystem::remove(file.path());
  CHECK(file.refusal() ==
        "modules.yaml: cannot be read (No such file or directory); accepted: a readable file");

  std::filesystem::create_directory(file.path());
  CHECK(file.refusal() ==
        "modules.yaml: cannot be read (Is a directory); accepted: a readable file");
}

TEST_CASE("settings: every refusal is one line") {
  CHECK(refusal("\"a\\nb\": 1\n").find('\n') == std::string::npos);
  CHECK(refusal("listen: \"a\\nb\"\n").find('\n') == std::string::npos);
  CHECK(refusal("listen: \"${a\\nb}\"\n").find('\n') == std::string::npos);
  CHECK(refusal("webhook: {secrets: [a], path: |\n  x\n  y\n}\n").find('\n') == std::string::npos);
}

// libcurl opens ca_file on the thread of all calls, and a pipe without a writer holds it there.
TEST_CASE("settings: a path to something that is no file or no folder is refused with both words") {
  ConfigFile file;
  REQUIRE(::mkfifo(file.path("pipe").c_str(), 0600) == 0);
  std::filesystem::create_directory(file.path("folder"));
  file.write("file", "");
  const auto refused = [&](const std::string& key, const std::string& more) {
    file.write("modules.yaml", replaced(minimal(more), "app_id: app}", "app_id: app" + key + "}"));
    return file.refusal();
  };

  CHECK(refused(", ca_file: pipe", "") ==
        "modules.yaml:2:58: platform.ca_file is \"pipe\", a named pipe; accepted: a file of "
        "certificates (PEM)");
  CHECK(refused(", ca_file: folder", "").find("\"folder\", a folder; accepted: a file of") !=
        std::string::npos);
  CHECK(refused(", ca_file: /dev/null", "").find("a device; accepted: a file of") !=
        std::string::npos);
  CHECK(refused(", ca_file: missing", "").find("No such file or directory; accepted: a file of") !=
        std::string::npos);
  CHECK(refused(", ca_file: file", "") == "accepted");
  CHECK(refused("", "inbox: {sqlite: {path: pipe}}\n") ==
        "modules.yaml:3:24: inbox.sqlite.path is \"pipe\", a named pipe; accepted: a file, or a "
        "name that is free");
  CHECK(refused("", "modules_dir: file\n") ==
        "modules.yaml:3:14: modules_dir is \"file\", a file; accepted: a folder");
  CHECK(refused("", "run_dir: pipe\n") ==
        "modules.yaml:3:10: run_dir is \"pipe\", a named pipe; accepted: a folder");
}

TEST_SUITE_END();

}  // namespace
}  // namespace modhost::host
