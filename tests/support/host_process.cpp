#include "tests/support/host_process.h"

#include <curl/curl.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "host/base/crypto.h"

namespace modhost::host {
namespace {

std::vector<char*> pointersTo(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The port of `name` ("webhook") in the host's last ready line, which may be text or JSON; 0 when
// there is none yet.
int portOf(const std::string& log, const std::string& name) {
  const std::size_t text = log.rfind("app: ready ");
  const std::size_t json = log.rfind("\"message\":\"ready\"");
  if (text == std::string::npos && json == std::string::npos) return 0;
  const bool is_text = text != std::string::npos;
  const std::string key =
      is_text ? name + "=http://127.0.0.1:" : "\"" + name + "\":\"http://127.0.0.1:";
  const std::size_t at = log.find(key, is_text ? text : json);
  if (at == std::string::npos || log.find('\n', at) == std::string::npos) return 0;
  return std::atoi(log.c_str() + at + key.size());
}

ProcessEnd endOf(int status) {
  if (WIFSIGNALED(status)) return {-1, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

std::string fileTextFrom(const std::string& file, std::uintmax_t offset) {
  std::stringstream text;
  std::ifstream in(file);
  in.seekg(static_cast<std::streamoff>(offset));
  text << in.rdbuf();
  return text.str();
}

// The parent's pid in /proc/<pid>/stat: behind the name, which may hold blanks, and the state.
pid_t parentOf(const std::string& pid) {
  const std::string stat = fileTextFrom("/proc/" + pid + "/stat", 0);
  const std::size_t name_end = stat.rfind(')');
  return name_end == std::string::npos ? 0 : std::atoi(stat.c_str() + name_end + 4);
}

using Curl = std::unique_ptr<CURL, void (*)(CURL*)>;

size_t appendBody(char* data, size_t size, size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

HttpAnswer perform(const Curl& curl) {
  HttpAnswer answer;
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, appendBody);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  if (curl_easy_perform(curl.get()) != CURLE_OK) return {};
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  curl_header* header = nullptr;
  if (curl_easy_header(curl.get(), "Retry-After", 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
    answer.retry_after = header->value;
  }
  return answer;
}

Curl curlFor(int port, const std::string& path) {
  Curl curl(curl_easy_init(), curl_easy_cleanup);
  const std::string url = "http://127.0.0.1:" + std::to_string(port) + path;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 60L);
  return curl;
}

constexpr char kHead[] =
    "listen: 127.0.0.1:0\n"
    "admin: 127.0.0.1:0\n"
    "webhook: {secrets: [\"${UNIQUE_ENDPOINT_SECRET}\"]}\n"
    "platform: {api_base: \"${UNIQUE_API_BASE}\", api_key: \"${UNIQUE_API_KEY}\", app_id: "
    "\"${UNIQUE_APP_ID}\","
    " backoff: 10ms, backoff_max: 50ms}\n"
    "inbox: ";
constexpr char kHeadAfterInbox[] =
    "\nrun_dir: run\n"
    "modules_dir: \"${MODULES_DIR}\"\n";

}  // namespace

pid_t startProcess(const std::vector<std::string>& arguments,
                   const std::map<std::string, std::string>& variables,
                   const std::string& stdout_file, const std::string& stderr_file,
                   const std::vector<NamedSocket>& sockets) {
  std::vector<std::string> argument_texts = withHandedSockets(sockets, arguments);
  std::vector<std::string> variable_texts = {"PATH=/usr/bin:/bin"};
  for (const auto& [name, value] : variables) variable_texts.push_back(name + "=" + value);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  constexpr int kAppend = O_WRONLY | O_CREAT | O_APPEND;
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, stdout_file.c_str(), kAppend, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, stderr_file.c_str(), kAppend, 0600);
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    posix_spawn_file_actions_adddup2(&actions, sockets[i].fd, 3 + static_cast<int>(i));
  }
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, argument_texts.front().c_str(), &actions, nullptr,
                  pointersTo(argument_texts).data(), pointersTo(variable_texts).data());
  posix_spawn_file_actions_destroy(&actions);
  REQUIRE_MESSAGE(error == 0, "cannot start ", arguments.front());
  return pid;
}

ProcessEnd waitForEnd(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return endOf(status);
}

std::string fileText(const std::string& file) { return fileTextFrom(file, 0); }

void writeFile(const std::string& file, const std::string& text) { std::ofstream(file) << text; }

HostProcess::HostProcess(const std::string& platform_base) {
  variables_ = {{"UNIQUE_ENDPOINT_SECRET", kTestSecret},
                {"UNIQUE_API_BASE", platform_base},
                {"UNIQUE_API_KEY", "key-of-the-test"},
                {"UNIQUE_APP_ID", "app-of-the-test"},
                {"MODULES_DIR", MODHOST_TEST_MODULES}};
}

HostProcess::~HostProcess() {
  if (running()) kill();
}

void HostProcess::configure(const std::string& modules_and_routes) {
  writeFile(file("modules.yaml"),
            kHead + inbox_ + kHeadAfterInbox + "log: " + log_ + "\n" + modules_and_routes);
}

void HostProcess::start() {
  std::error_code no_file_yet;
  const std::uintmax_t known = std::filesystem::file_size(file("stderr"), no_file_yet);
  const std::uintmax_t before = no_file_yet ? 0 : known;
  pid_ = startProcess({MODHOST_TEST_PROGRAM, "run", "-c", file("modules.yaml")}, variables_,
                      file("stdout"), file("stderr"), sockets_);
  const bool ready = eventually([&] {
    const std::string since = fileTextFrom(file("stderr"), before);
    port_ = portOf(since, "webhook");
    admin_port_ = portOf(since, "admin");
    int status = 0;
    const bool gone = port_ == 0 && ::waitpid(pid_, &status, WNOHANG) == pid_;
    if (gone) pid_ = 0;
    return port_ != 0 || gone;
  });
  REQUIRE_MESSAGE((ready && pid_ != 0), "modhost did not get ready:\n",
                  fileTextFrom(file("stderr"), before));
}

ProcessEnd HostProcess::run(const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {MODHOST_TEST_PROGRAM};
  all.insert(all.end(), arguments.begin(), arguments.end());
  all.insert(all.end(), {"-c", file("modules.yaml")});
  return waitForEnd(startProcess(all, variables_, file("stdout"), file("stderr"), sockets_));
}

bool HostProcess::endedByItself() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid_;
}

std::vector<pid_t> HostProcess::children() const {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    const bool is_pid = name.find_first_not_of("0123456789") == std::string::npos;
    if (is_pid && parentOf(name) == pid_) found.push_back(std::atoi(name.c_str()));
  }
  return found;
}

ProcessEnd HostProcess::kill() {
  ::kill(pid_, SIGKILL);
  const ProcessEnd end = waitForEnd(pid_);
  pid_ = 0;
  return end;
}

void HostProcess::signal(int number) { ::kill(pid_, number); }

ProcessEnd HostProcess::terminate() {
  signal(SIGTERM);
  return wait();
}

ProcessEnd HostProcess::wait() {
  const ProcessEnd end = waitForEnd(pid_);
  pid_ = 0;
  return end;
}

HttpAnswer postWebhook(int port, const std::string& body, const std::string& secret,
                       std::chrono::milliseconds patience,
                       const std::vector<std::string>& more_headers) {
  const Curl curl = curlFor(port, "/webhook");
  const std::string signature = "X-Unique-Signature: " + hex(HmacKey(secret).sign(body));
  const std::string created = "X-Unique-Created-At: " + std::to_string(std::time(nullptr));
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(
      curl_slist_append(nullptr, signature.c_str()), curl_slist_free_all);
  curl_slist_append(headers.get(), created.c_str());
  curl_slist_append(headers.get(), "Content-Type: application/json");
  for (const std::string& header : more_headers) curl_slist_append(headers.get(), header.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(patience.count()));
  return perform(curl);
}

HttpAnswer httpGet(int port, const std::string& path, const std::string& token) {
  const Curl curl = curlFor(port, path);
  if (!token.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl.get(), CURLOPT_XOAUTH2_BEARER, token.c_str());
  }
  return perform(curl);
}

}  // namespace modhost::host
