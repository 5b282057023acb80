// Two halves: the HTTP server (accept, read, script, write) and, below it, the endpoints over plain
// vectors.
#include "tests/support/recording_platform.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <thread>

#include "tests/support/eventually.h"

namespace modhost::host {
namespace {

using nlohmann::json;

constexpr char kBasePath[] = "/public/chat-gen2";
constexpr std::size_t kStack = 512 * 1024;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

Fd listenOnLoopback(int& port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) fail("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd.get(), raw, size) != 0) fail("bind");
  if (::listen(fd.get(), SOMAXCONN) != 0) fail("listen");
  if (::getsockname(fd.get(), raw, &size) != 0) fail("getsockname");
  port = ntohs(address.sin_port);
  return fd;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool startsWith(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

// "POST /public/chat-gen2/x?y HTTP/1.1\r\nName: value\r\n…"
RecordedCall parseHead(const std::string& head) {
  RecordedCall call;
  call.at = std::chrono::steady_clock::now();
  std::size_t line_end = head.find("\r\n");
  const std::string first = head.substr(0, line_end);
  const std::size_t space = first.find(' ');
  call.method = first.substr(0, space);
  std::string target = first.substr(space + 1, first.rfind(' ') - space - 1);
  if (startsWith(target, kBasePath)) target.erase(0, std::string_view(kBasePath).size());
  const std::size_t mark = target.find('?');
  call.path = target.substr(0, mark);
  if (mark != std::string::npos) call.query = target.substr(mark + 1);
  while (line_end != std::string::npos) {
    const std::size_t begin = line_end + 2;
    line_end = head.find("\r\n", begin);
    const std::string line = head.substr(begin, line_end - begin);
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::size_t value = line.find_first_not_of(' ', colon + 1);
    call.headers[lower(line.substr(0, colon))] =
        value == std::string::npos ? "" : line.substr(value);
  }
  return call;
}

std::string header(const RecordedCall& call, const std::string& name) {
  const auto found = call.headers.find(name);
  return found == call.headers.end() ? "" : found->second;
}

bool matches(const CallMatch& match, const RecordedCall& call) {
  if (!match.method.empty() && match.method != call.method) return false;
  if (!match.company.empty() && match.company != header(call, "x-company-id")) return false;
  return startsWith(call.path, match.path_prefix);
}

bool isCreate(const RecordedCall& call) {
  return call.method == "POST" && call.path == "/message-log";
}

bool sendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string faultOf(const CallScript& script) {
  switch (script.cut) {
    case CallScript::Cut::kBeforeReading:
      return "cut before reading";
    case CallScript::Cut::kAfterHandling:
      return "cut after handling";
    case CallScript::Cut::kMidReply:
      return "cut mid reply";
    case CallScript::Cut::kNone:
      break;
  }
  if (script.status != 0) return std::to_string(script.status) + (script.handled ? " handled" : "");
  return script.latency.count() > 0 ? "slow" : "";
}

bool peerHasGone(int fd) {
  pollfd entry{fd, POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

std::vector<json> threeDocuments() {
  std::vector<json> documents;
  for (int i = 1; i <= 3; ++i) {
    const std::string n = std::to_string(i);
    documents.push_back({{"id", "cont_" + n},
                         {"chunkId", "chunk_" + n},
                         {"key", "fees-" + n + ".pdf"},
                         {"title", "Fees " + n},
                         {"url", nullptr},
                         {"text", "Text of document " + n},
                         {"order", i},
                         {"startPage", 1},
                         {"endPage", -1},
                         {"object", "search.search"}});
  }
  return documents;
}

}  // namespace

struct RecordingPlatform::Connection {
  Fd fd;
  Thread thread;
  std::atomic<bool> ended{false};
  std::string buffer;                // read, not yet used
  bool create_was_answered = false;  // by the latest reply, which may still be unread
  bool broken = false;               // the latest read failed: what was unread was lost
};

void Hold::release() {
  MutexLock lock(mutex_);
  released_ = true;
  changed_.notifyAll();
}

int Hold::arrived() {
  MutexLock lock(mutex_);
  return arrived_;
}

bool Hold::waitForArrivals(int count) {
  const SteadyTime limit = std::chrono::steady_clock::now() + kSafetyLimit;
  MutexLock lock(mutex_);
  while (arrived_ < count) {
    if (std::chrono::steady_clock::now() >= limit) return false;
    changed_.waitUntil(mutex_, limit);
  }
  return true;
}

void Hold::pass() {
  MutexLock lock(mutex_);
  ++arrived_;
  changed_.notifyAll();
  while (!released_) changed_.wait(mutex_);
}

RecordingPlatform::RecordingPlatform()
    : listener_(listenOnLoopback(port_)),
      search_results_(threeDocuments()),
      completion_("This is the answer."),
      acceptor_("rec-accept", [this] { acceptLoop(); }) {}

RecordingPlatform::~RecordingPlatform() {
  stopping_ = true;
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  clearScripts();
  std::list<std::unique_ptr<Connection>> connections;
  {
    MutexLock lock(mutex_);
    connections.swap(connections_);
  }
  for (const auto& connection : connections) ::shutdown(connection->fd.get(), SHUT_RDWR);
  for (const auto& connection : connections) connection->thread.join();
}

std::string RecordingPlatform::apiBase() const {
  return "http://127.0.0.1:" + std::to_string(port_) + kBasePath;
}

void RecordingPlatform::script(CallMatch match, CallScript script) {
  MutexLock lock(mutex_);
  if (script.hold) holds_.push_back(script.hold);
  rules_.push_back({std::move(match), std::move(script)});
}

std::shared_ptr<Hold> RecordingPlatform::hold(CallMatch match, bool hold_reply) {
  auto hold = std::make_shared<Hold>();
  CallScript held;
  held.hold = hold;
  held.hold_reply = hold_reply;
  script(std::move(match), std::move(held));
  return hold;
}

void RecordingPlatform::clearScripts() {
  MutexLock lock(mutex_);
  rules_.clear();
  for (const auto& hold : holds_) hold->release();
  holds_.clear();
}

void RecordingPlatform::decideOtherwise(Decide decide) {
  MutexLock lock(mutex_);
  decide_ = std::move(decide);
}

void RecordingPlatform::setSearchResults(std::vector<json> results) {
  MutexLock lock(mutex_);
  search_results_ = std::move(results);
}

void RecordingPlatform::setCompletion(json content) {
  MutexLock lock(mutex_);
  completion_ = std::move(content);
}

std::vector<RecordedCall> RecordingPlatform::calls() const {
  MutexLock lock(mutex_);
  return calls_;
}

std::size_t RecordingPlatform::callCount(const std::string& method,
                                         const std::string& path_prefix) const {
  const CallMatch match{method, path_prefix, 0, ""};
  MutexLock lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(calls_.begin(), calls_.end(),
                    [&](const RecordedCall& call) { return matches(match, call); }));
}

std::vector<MessageLogRow> RecordingPlatform::rows() const {
  MutexLock lock(mutex_);
  return rows_;
}

std::vector<MessageLogRow> RecordingPlatform::rowsOf(const std::string& message_id) const {
  std::vector<MessageLogRow> found;
  MutexLock lock(mutex_);
  for (const MessageLogRow& row : rows_) {
    if (row.message_id == message_id) found.push_back(row);
  }
  return found;
}

std::vector<MessageRow> RecordingPlatform::messages() const {
  MutexLock lock(mutex_);
  return messages_;
}

std::optional<MessageRow> RecordingPlatform::message(const std::string& id) const {
  MutexLock lock(mutex_);
  const auto found = message_by_id_.find(id);
  if (found == message_by_id_.end()) return std::nullopt;
  return messages_[found->second];
}

bool RecordingPlatform::waitFor(const std::function<bool()>& reached) const {
  const SteadyTime limit = std::chrono::steady_clock::now() + kSafetyLimit;
  while (true) {
    std::uint64_t seen = 0;
    {
      MutexLock lock(mutex_);
      seen = version_;
    }
    if (reached()) return true;
    MutexLock lock(mutex_);
    while (version_ == seen) {
      if (std::chrono::steady_clock::now() >= limit) return false;
      changed_.waitUntil(mutex_, limit);
    }
  }
}

void RecordingPlatform::changed() const {
  MutexLock lock(mutex_);
  ++version_;
  changed_.notifyAll();
}

void RecordingPlatform::acceptLoop() {
  while (true) {
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (stopping_) return;
    if (!fd.valid()) {
      if (errno == EMFILE || errno == ENFILE) std::this_thread::yield();
      continue;
    }
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    ++accepts_;
    reap();
    auto connection = std::make_unique<Connection>();
    Connection& served = *connection;
    served.fd = std::move(fd);
    MutexLock lock(mutex_);
    connections_.push_back(std::move(connection));
    served.thread = Thread(
        "rec-conn", [this, &served] { serve(served); }, kStack);
  }
}

void RecordingPlatform::reap() {
  MutexLock lock(mutex_);
  connections_.remove_if([](const auto& connection) { return connection->ended.load(); });
}

void RecordingPlatform::serve(Connection& connection) {
  while (serveOne(connection)) {
  }
  if (connection.create_was_answered) {
    ++(connection.broken ? unheard_creates_ : last_word_creates_);
  }
  ::shutdown(connection.fd.get(), SHUT_RDWR);
  changed();
  connection.ended = true;
}

namespace {

// Reads until `buffer` holds `size` bytes; false when the connection ended first.
bool readMore(int fd, std::string& buffer, bool& broken) {
  char bytes[16 * 1024];
  const ssize_t got = ::recv(fd, bytes, sizeof(bytes), 0);
  broken = got < 0;
  if (got <= 0) return false;
  buffer.append(bytes, static_cast<std::size_t>(got));
  return true;
}

}  // namespace

bool RecordingPlatform::serveOne(Connection& connection) {
  std::string& buffer = connection.buffer;
  std::size_t head_end = 0;
  while ((head_end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (!readMore(connection.fd.get(), buffer, connection.broken)) return false;
  }
  connection.create_was_answered = false;
  RecordedCall call = parseHead(buffer.substr(0, head_end));
  buffer.erase(0, head_end + 4);
  const CallScript script = scriptFor(call);
  call.fault = faultOf(script);
  if (script.cut == CallScript::Cut::kBeforeReading) {
    remember(std::move(call));
    return false;
  }
  const std::string length = header(call, "content-length");
  const std::size_t size = length.empty() ? 0 : std::stoul(length);
  while (buffer.size() < size) {
    if (!readMore(connection.fd.get(), buffer, connection.broken)) return false;
  }
  call.body = buffer.substr(0, size);
  buffer.erase(0, size);
  call.json = json::parse(call.body, nullptr, false);
  if (call.json.is_discarded()) call.json = nullptr;
  remember(call);
  return answer(connection, call, script);
}

CallScript RecordingPlatform::scriptFor(const RecordedCall& call) {
  std::optional<CallScript> chosen;
  Decide decide;
  {
    MutexLock lock(mutex_);
    decide = decide_;
    for (Rule& rule : rules_) {
      if (!matches(rule.match, call)) continue;
      ++rule.seen;
      if (rule.match.nth == 0 || rule.match.nth == rule.seen) chosen = rule.script;
    }
  }
  if (chosen) return *chosen;
  return decide ? decide(call) : CallScript{};
}

void RecordingPlatform::remember(RecordedCall call) {
  {
    MutexLock lock(mutex_);
    calls_.push_back(std::move(call));
  }
  changed();
}

bool RecordingPlatform::answer(Connection& connection, const RecordedCall& call,
                               const CallScript& script) {
  if (script.hold && !script.hold_reply) script.hold->pass();
  Reply reply{0, ""};
  if (script.status == 0 || script.handled) reply = handle(call);
  bool made_row = isCreate(call) && reply.status == 201;
  if (script.status != 0) {
    if (std::exchange(made_row, false)) ++cut_creates_;
    reply = {script.status, script.body, script.content_type, script.headers};
  }
  changed();
  if (script.hold && script.hold_reply) script.hold->pass();
  if (script.latency.count() > 0) std::this_thread::sleep_for(script.latency);
  if (script.cut != CallScript::Cut::kNone) {
    if (made_row) ++cut_creates_;
    if (script.cut == CallScript::Cut::kMidReply) writeReply(connection, reply, true);
    return false;
  }
  const bool gone = peerHasGone(connection.fd.get());
  const bool written = writeReply(connection, reply, false);
  if (made_row && (gone || !written)) ++unheard_creates_;
  connection.create_was_answered = made_row && !gone && written;
  return written && header(call, "connection") != "close";
}

bool RecordingPlatform::writeReply(Connection& connection, const Reply& reply, bool half) {
  std::string wire = "HTTP/1.1 " + std::to_string(reply.status) +
                     " Scripted\r\nContent-Type: " + reply.content_type +
                     "\r\nContent-Length: " + std::to_string(reply.body.size()) + "\r\n";
  for (const auto& [name, value] : reply.headers) wire += name + ": " + value + "\r\n";
  wire += "\r\n" + reply.body;
  if (half) wire.resize(wire.size() - reply.body.size() + reply.body.size() / 2);
  return sendAll(connection.fd.get(), wire);
}

}  // namespace modhost::host
