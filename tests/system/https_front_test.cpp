// The examples of packaging/, run: Debian's nginx and Caddy with real TLS in front of the real host.
// Where one of them is not installed its test says so and ends.
#include <curl/curl.h>
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <string>

#include "host/base/crypto.h"
#include "host/base/fd.h"
#include "tests/support/certificate.h"
#include "tests/support/events.h"
#include "tests/support/host_process.h"

namespace modhost::host {
namespace {

constexpr char kNoPlatform[] = "http://127.0.0.1:1/api";
constexpr char kName[] = "webhooks.example.com";
const std::string kExamples = MODHOST_SOURCE_DIR "/packaging/";

std::string replacedOnce(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  REQUIRE_MESSAGE(at != std::string::npos, what);
  return text.replace(at, what.size(), by);
}

bool isInstalled(const std::string& program) { return ::access(program.c_str(), X_OK) == 0; }

std::size_t append(char* data, std::size_t, std::size_t size, void* to) {
  static_cast<std::string*>(to)->append(data, size);
  return size;
}

// Hands curl a body in small pieces, so that it comes over time.
struct Slow {
  const std::string& body;
  std::size_t sent = 0;
  static std::size_t read(char* buffer, std::size_t, std::size_t size, void* self) {
    Slow& slow = *static_cast<Slow*>(self);
    const std::size_t piece = std::min({size, std::size_t{1500}, slow.body.size() - slow.sent});
    slow.body.copy(buffer, piece, slow.sent);
    slow.sent += piece;
    return piece;
  }
};

// A proxy of TLS on a Unix socket, with a certificate of its own.
// A socket's file is there a moment before somebody listens.
bool accepts(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

class Front {
 public:
  explicit Front(const HostProcess& host) : host_(host) {
    makeCertificate(kName, host.file("key.pem"), certificate());
  }
  ~Front() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    waitForEnd(pid_);
  }

  void start(const std::vector<std::string>& arguments) {
    pid_ = startProcess(arguments, {{"HOME", host_.folder()}}, host_.file("front.out"),
                        host_.file("front.err"));
    REQUIRE_MESSAGE(eventually([&] { return accepts(socket()); }),
                    fileText(host_.file("front.err")));
  }

  std::string certificate() const { return host_.file("certificate.pem"); }
  std::string socket() const { return host_.file("front.sock"); }

  // The status; 0: no answer.
  long post(const std::string& body, const std::string& path = "/webhook") {
    CURL* curl = curl_easy_init();
    std::string reply;
    Slow slow{body};
    const std::string url = std::string("https://") + kName + path;
    const std::string signature = "X-Unique-Signature: " + hex(HmacKey(kTestSecret).sign(body));
    const std::string created = "X-Unique-Created-At: " + std::to_string(std::time(nullptr));
    curl_slist* headers = curl_slist_append(nullptr, signature.c_str());
    headers = curl_slist_append(headers, created.c_str());
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket().c_str());
    curl_easy_setopt(curl, CURLOPT_CAINFO, certificate().c_str());
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    // As HTTP/2 an answer that comes before the whole body is an error to libcurl.
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, Slow::read);
    curl_easy_setopt(curl, CURLOPT_READDATA, &slow);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
    long status = 0;
    const CURLcode code = curl_easy_perform(curl);
    INFO(curl_easy_strerror(code), " ", fileText(host_.file("front.err")));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    CHECK(code == CURLE_OK);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
  }

 private:
  const HostProcess& host_;
  pid_t pid_ = 0;
};

void startNginx(Front& front, const HostProcess& host) {
  std::string conf = fileText(kExamples + "nginx.conf");
  conf =
      replacedOnce(conf, "127.0.0.1:8080;\n", "127.0.0.1:" + std::to_string(host.port()) + ";\n");
  conf = replacedOnce(conf, "listen 443 ssl", "listen unix:" + front.socket() + " ssl");
  conf = replacedOnce(conf, "/etc/ssl/modhost/fullchain.pem", front.certificate());
  conf = replacedOnce(conf, "/etc/ssl/modhost/privkey.pem", host.file("key.pem"));
  std::string paths;
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    paths += std::string(kind) + "_temp_path " + host.file(kind) + ";\n";
  }
  const std::string user = ::geteuid() == 0 ? "user root;\n" : "";
  writeFile(host.file("nginx.conf"),
            user + "daemon off;\nworker_processes 1;\npid " + host.file("nginx.pid") +
                ";\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n" + paths + conf +
                "}\n");
  front.start(
      {"/usr/sbin/nginx", "-e", "stderr", "-p", host.folder(), "-c", host.file("nginx.conf")});
}

void startCaddy(Front& front, const HostProcess& host) {
  std::string conf = fileText(kExamples + "Caddyfile");
  conf = replacedOnce(conf, "reverse_proxy 127.0.0.1:8080",
                      "reverse_proxy 127.0.0.1:" + std::to_string(host.port()));
  conf = replacedOnce(conf, std::string("\n") + kName + " {\n",
                      std::string("\nhttps://") + kName + " {\n\tbind unix/" + front.socket() +
                          "\n\ttls " + front.certificate() + " " + host.file("key.pem") + "\n");
  writeFile(host.file("Caddyfile"), "{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + conf);
  front.start(
      {"/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", host.file("Caddyfile")});
}

void checkFront(void (*start)(Front&, const HostProcess&), long when_away) {
  HostProcess host(kNoPlatform);
  host.configure("modules: []\nroutes: []\n");
  host.start();
  Front front(host);
  start(front, host);

  CHECK(front.post(userMessageEventBody("evt_1")) == 200);
  const std::string event = userMessageEventBody("evt_2");
  const std::string big = event + std::string(6 << 20, ' ');
  CHECK(front.post(big) == 200);
  CHECK(front.post(event + std::string(9 << 20, ' ')) == 413);
  CHECK(front.post(event, "/metrics") == 404);
  const std::string metrics = httpGet(host.adminPort(), "/metrics").body;
  CHECK(metrics.find("modhost_webhooks_total{answer=\"unrouted\"} 2\n") != std::string::npos);
  CHECK(host.terminate().exit_status == 0);
  CHECK(front.post(event) == when_away);
}

}  // namespace

TEST_SUITE_BEGIN("system");

TEST_CASE("https front: webhooks pass nginx unharmed and its example is what it says") {
  if (!isInstalled("/usr/sbin/nginx")) {
    MESSAGE("skipped: nginx is not installed (packaging/debian-packages-dev.txt)");
    return;
  }
  checkFront(startNginx, 502);
}

TEST_CASE("https front: webhooks pass Caddy unharmed and its example is what it says") {
  if (!isInstalled("/usr/bin/caddy")) {
    MESSAGE("skipped: caddy is not installed (packaging/debian-packages-dev.txt)");
    return;
  }
  checkFront(startCaddy, 502);
}

}  // namespace modhost::host
