// FakeHost: the host's function table, answering as the platform would; and HostedModule: a module
// driven through the C ABI and nothing else, as the real host does it.
#pragma once

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <modhost/abi.h>
#include <modhost/json.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace modhost::test {

inline modhost_view view(std::string_view text) { return {text.data(), text.size()}; }
inline std::string text(modhost_view view) {
  return view.data == nullptr ? std::string() : std::string(view.data, view.size);
}

// A platform call as it left the module.
struct Call {
  std::string method, path, body;
  Json json() const { return body.empty() ? Json() : Json::parse(body); }
  std::string name() const { return method + " " + path; }
};

struct Answer {
  int status = 200;
  std::string body = "{}";
  int error = MODHOST_CALL_OK;
};

struct LogLine {
  int level;
  std::string message, fields;
};

struct End {
  int kind = 0;
  std::string text;
  std::int64_t retry_after_ms = 0;
};

// What a platform in good health answers: three search results, a completion, a new id per log.
inline Answer healthyPlatform(const Call& call) {
  if (call.name() == "POST /message-log") {
    return {201, Json{{"id", "log_" + std::to_string(call.json().at("order").get<int>())}}.dump()};
  }
  if (call.name() == "POST /search/search") {
    return {201,
            R"([{"id":"a","text":"alpha"},{"id":"b","text":"beta"},{"id":"c","text":"gamma"}])"};
  }
  if (call.name() == "POST /openai/chat/completions") {
    return {
        201,
        R"({"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"42"}}]})"};
  }
  return {200, R"({"id":"x"})"};
}

class FakeHost {
 public:
  std::function<Answer(const Call&)> platform = healthyPlatform;
  bool answers_from_another_thread = false;
  bool is_cancelled = false;
  modhost_host table;

  FakeHost()
      : table{sizeof(modhost_host), MODHOST_ABI_MAJOR, MODHOST_ABI_MINOR, this,
              &FakeHost::log,       &FakeHost::metric, &FakeHost::call,   &FakeHost::cancelled,
              &FakeHost::complete} {}
  ~FakeHost() {
    for (std::thread& thread : threads_) thread.join();
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  std::vector<Call> calls() const { return locked(calls_); }
  std::vector<LogLine> lines() const { return locked(lines_); }
  std::vector<std::pair<std::string, double>> metrics() const { return locked(metrics_); }
  std::vector<std::string> callNames() const {
    std::vector<std::string> names;
    for (const Call& call : calls()) names.push_back(call.name());
    return names;
  }

  // The only way an attempt may end; exactly once.
  std::optional<End> takeEnd() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(end_, std::nullopt);
  }

 private:
  template <class Value>
  Value locked(const Value& value) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return value;
  }
  static FakeHost& self(void* host) { return *static_cast<FakeHost*>(host); }

  static void log(void* host, const modhost_attempt*, std::int32_t level, modhost_view message,
                  modhost_view fields) {
    const std::lock_guard<std::mutex> lock(self(host).mutex_);
    self(host).lines_.push_back({level, text(message), text(fields)});
  }
  static void metric(void* host, std::int32_t, modhost_view name, double value) {
    const std::lock_guard<std::mutex> lock(self(host).mutex_);
    self(host).metrics_.emplace_back(text(name), value);
  }
  static void call(void* host, modhost_attempt*, const modhost_request* request,
                   modhost_reply_fn reply, void* user) {
    FakeHost& fake = self(host);
    const Call call{text(request->method), text(request->path), text(request->body)};
    const std::lock_guard<std::mutex> lock(fake.mutex_);
    fake.calls_.push_back(call);
    const auto send = [answer = fake.platform(call), reply, user] {
      modhost_reply sent{};
      sent.size = sizeof(sent);
      sent.error = answer.error;
      sent.http_status = answer.error == MODHOST_CALL_OK ? answer.status : 0;
      sent.body = view(answer.body);
      reply(user, &sent);
    };
    if (fake.answers_from_another_thread) {
      fake.threads_.emplace_back(send);
    } else {
      send();
    }
  }
  static std::int32_t cancelled(void* host, const modhost_attempt*) {
    return self(host).is_cancelled;
  }
  static void complete(void* host, modhost_attempt*, const modhost_outcome* outcome) {
    const std::lock_guard<std::mutex> lock(self(host).mutex_);
    REQUIRE_FALSE(self(host).end_.has_value());
    self(host).end_ = End{outcome->kind, text(outcome->text), outcome->retry_after_ms};
  }

  mutable std::mutex mutex_;
  std::vector<Call> calls_;
  std::vector<LogLine> lines_;
  std::vector<std::pair<std::string, double>> metrics_;
  std::optional<End> end_;
  std::vector<std::thread> threads_;
};

// An event of the platform with the members a test cares about.
struct SentEvent {
  std::string body;
  std::string id = "evt_1", type = "unique.chat.external-module.chosen", chat_id = "chat_1";
  std::uint32_t attempt = 1;
  std::int64_t received_at_ms = 1'767'225'600'123;
  std::int64_t deadline_ns = 5'000'000'000;
};

inline SentEvent chosen(const std::string& user_text, const Json& configuration = Json::object()) {
  const Json body = {{"id", "evt_1"},
                     {"event", "unique.chat.external-module.chosen"},
                     {"payload",
                      {{"chatId", "chat_1"},
                       {"assistantId", "assistant_1"},
                       {"configuration", configuration},
                       {"userMessage", {{"id", "msg_u"}, {"text", user_text}}},
                       {"assistantMessage", {{"id", "msg_a"}}}}}};
  return {.body = body.dump()};
}

class HostedModule {
 public:
  HostedModule(FakeHost& host, const modhost_module& module, const std::string& config = "{}")
      : host_(host), module_(module) {
    char words[1024];
    modhost_error_buffer error{words, sizeof(words), 0};
    instance_ = module_.create(&host.table, &error);
    if (instance_ != nullptr && module_.start(instance_, view(config), &error) == 0) return;
    refusal_ = std::string(words, error.used);
  }
  ~HostedModule() {
    if (instance_ == nullptr) return;
    if (refusal_.empty()) module_.stop(instance_);
    module_.destroy(instance_);
  }
  HostedModule(const HostedModule&) = delete;
  HostedModule& operator=(const HostedModule&) = delete;

  // Empty: it is ready.
  const std::string& refusal() const { return refusal_; }

  End handle(const SentEvent& sent) {
    modhost_event event{};
    event.size = sizeof(event);
    event.attempt = sent.attempt;
    event.id = view(sent.id);
    event.type = view(sent.type);
    event.user_id = view("user_1");
    event.company_id = view("company_1");
    event.chat_id = view(sent.chat_id);
    event.body = view(sent.body);
    event.received_at_ms = sent.received_at_ms;
    event.deadline_ns = sent.deadline_ns;
    module_.handle(instance_, &event, nullptr);
    const std::optional<End> end = host_.takeEnd();
    REQUIRE(end.has_value());
    return *end;
  }

 private:
  FakeHost& host_;
  const modhost_module& module_;
  void* instance_ = nullptr;
  std::string refusal_;
};

// A built module, loaded as the host loads it.
class LoadedFile {
 public:
  explicit LoadedFile(const char* path) : library_(::dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
    REQUIRE_MESSAGE(library_ != nullptr, ::dlerror());
  }
  ~LoadedFile() { ::dlclose(library_); }
  LoadedFile(const LoadedFile&) = delete;
  LoadedFile& operator=(const LoadedFile&) = delete;

  const modhost_module& module() const {
    const auto entry = reinterpret_cast<modhost_entry_fn>(::dlsym(library_, MODHOST_ENTRY_SYMBOL));
    REQUIRE((entry != nullptr));
    const modhost_host_info info{sizeof(info), MODHOST_ABI_MAJOR, MODHOST_ABI_MINOR, view("test")};
    return *entry(&info);
  }

 private:
  void* library_;
};

}  // namespace modhost::test
