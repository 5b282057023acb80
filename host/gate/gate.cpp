#include "host/gate/gate.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "host/base/assert.h"
#include "host/base/log.h"

// Only the accept loop's thread touches lists, buffers and epoll, so none of them needs a lock. Two
// queues under a mutex join it to the others: `returned_` (an eventfd wakes the gate for it), and `ready_`,
// from which the server threads help themselves. A busy one comes by anyway; so of those that wait one at a
// time is woken, and wakes the next when more is left.
//
// Every descriptor is armed with EPOLLONESHOT: it fires once, and nothing more is heard of it until
// the gate arms it again. That is how a connection falls silent while it is away.
//
// A list has one timeout for all its members, and they enter at its end: so its front is the next
// to expire, and reaping looks at nothing else.

namespace modhost::host {

namespace {

constexpr char kArea[] = "gate";
constexpr std::size_t kReadBytes = 16 * 1024;
constexpr int kReadsPerEvent = 16;  // then the others have their turn
constexpr Milliseconds kLingerTimeout{1'000};
// How late a deadline may be noticed; also how soon accepting is tried again when descriptors ran
// out.
constexpr Milliseconds kTick{100};
// A server thread is there long before, unless the system has none left.
constexpr Milliseconds kThreadStartsWithin{500};
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// What does not fit the empty buffer of a fresh socket goes to a peer that has not read for long
// anyway.
bool sendNow(int fd, std::string_view bytes) {
  const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent == static_cast<ssize_t>(bytes.size());
}

Refusal refusalOf(Scan scan) {
  switch (scan) {
    case Scan::kHeadTooLarge:
      return Refusal::kHeadTooLarge;
    case Scan::kBodyTooLarge:
      return Refusal::kBodyTooLarge;
    case Scan::kMore:
    case Scan::kWhole:
    case Scan::kMalformed:
      break;
  }
  return Refusal::kMalformed;
}

const char* nameOf(Refusal why) {
  switch (why) {
    case Refusal::kHeadTooLarge:
      return "head too large";
    case Refusal::kBodyTooLarge:
      return "body too large";
    case Refusal::kReadTimeout:
      return "not here in time";
    case Refusal::kOverloaded:
      return "too many connections or bytes";
    case Refusal::kDraining:
      return "draining";
    case Refusal::kMalformed:
      break;
  }
  return "malformed";
}

Fd orThrow(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return Fd(fd);
}

}  // namespace

GateMetrics::GateMetrics(Metrics& metrics, std::string given)
    : port(std::move(given)),
      connections(metrics.gauge("modhost_connections", "Open connections.", {{"port", port}})),
      buffered(metrics.gauge("modhost_gate_buffered_bytes",
                             "Bytes of requests received and not yet answered.", {{"port", port}})),
      pauses(metrics.counter("modhost_accept_pauses_total",
                             "Times connections had to wait at the door, as descriptors or memory "
                             "had run out.",
                             {{"port", port}})) {}

Gate::Gate(Clock& clock, const GateMetrics& metrics, Refuse refuse, const GateLimits& limits,
           int listener, bool shared)
    : clock_(clock),
      refuse_(std::move(refuse)),
      limits_(limits),
      listener_(listener),
      shared_(shared),
      epoll_(orThrow(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(orThrow(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")),
      metrics_(metrics) {
  watch(listener_, nullptr);
  watch(wake_.get(), this);
}

bool Gate::waitReady(Milliseconds timeout) noexcept {
  using std::chrono::steady_clock;
  const auto until = steady_clock::now() + timeout;
  for (auto left = timeout; !needsThread() && left.count() >= 0;) {
    turn(left);
    left = std::chrono::floor<Milliseconds>(until - steady_clock::now());
  }
  return taken_ != nullptr;
}

std::unique_ptr<Connection> Gate::take() {
  if (taken_ == nullptr) return nullptr;
  MutexLock lock(mutex_);
  if (handed_++ == 0) handed_since_ = std::chrono::steady_clock::now();
  return std::move(taken_);
}

void Gate::taken() {
  MutexLock lock(mutex_);
  --handed_;
}

std::chrono::steady_clock::time_point Gate::threadLateAt() const {
  return handed_since_ + kThreadStartsWithin;
}

bool Gate::lacksThread() const {
  return handed_ > 0 && std::chrono::steady_clock::now() >= threadLateAt();
}

std::unique_ptr<Connection> Gate::next(Milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  MutexLock lock(mutex_);
  ++waiting_;
  while (ready_.empty() && !finished_ && !lacksThread() &&
         std::chrono::steady_clock::now() < until) {
    ready_changed_.waitUntil(mutex_, handed_ > 0 ? std::min(until, threadLateAt()) : until);
    waking_ = false;
  }
  --waiting_;
  return finished_ || lacksThread() ? nullptr : takeReady();
}

void Gate::leave() {
  MutexLock lock(mutex_);
  MODHOST_ASSERT(threads_ > 0);
  --threads_;
  if (!ready_.empty()) wake();  // what this one leaves may need another
}

std::unique_ptr<Connection> Gate::takeReady() {
  if (ready_.empty()) return nullptr;
  Owned connection = std::move(ready_.front());
  ready_.pop_front();
  wakeAnother();
  return connection;
}

void Gate::wakeAnother() {
  if (ready_.empty() || waiting_ == 0 || std::exchange(waking_, true)) return;
  ready_changed_.notifyOne();
}

void Gate::giveBack(std::unique_ptr<Connection> connection, After after, std::string answer) {
  {
    MutexLock lock(mutex_);
    returned_.push_back({std::move(connection), after, std::move(answer)});
    if (returned_.size() > 1) return;  // the gate was woken for the first of them
  }
  wake();
}

void Gate::stop() {
  stopping_ = true;
  wake();
  MutexLock lock(mutex_);
  while (!finished_) finished_changed_.wait(mutex_);
}

void Gate::turn(Milliseconds timeout) {
  waitForEvents(timeout);
  takeBack();
  reap();
  showReady();
  if (stopping_ && !stop_begun_) beginStop();
  if (isFinished()) finish();
  metrics_.connections.set(static_cast<double>(open_));
  metrics_.buffered.set(static_cast<double>(buffered_));
}

void Gate::showReady() {
  if (whole_.empty()) return;
  MutexLock lock(mutex_);
  for (Owned& connection : whole_) ready_.push_back(std::move(connection));
  whole_.clear();
  wakeAnother();
}

// Whether more is ready than the threads that wait will take at once; then `taken_` is for another.
bool Gate::needsThread() {
  if (taken_) return true;
  MutexLock lock(mutex_);
  if (ready_.size() <= waiting_ || threads_ >= limits_.threads) return false;
  ++threads_;
  taken_ = takeReady();
  return true;
}

void Gate::waitForEvents(Milliseconds timeout) {
  std::array<epoll_event, 256> events{};
  const int n = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                             msUntilTick(timeout));
  for (int i = 0; i < n; ++i) {
    void* tag = events[static_cast<std::size_t>(i)].data.ptr;
    if (tag == nullptr) {
      acceptAll();
    } else if (tag != this) {
      onReadable(*static_cast<Connection*>(tag));
    } else {
      eventfd_t ignored = 0;
      ::eventfd_read(wake_.get(), &ignored);
    }
  }
}

void Gate::acceptAll() {
  for (;;) {
    sockaddr_storage peer{};
    socklen_t peer_bytes = sizeof peer;
    auto* address = reinterpret_cast<sockaddr*>(&peer);
    Fd fd(::accept4(listener_, address, &peer_bytes, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.valid()) {
      acceptOne(std::move(fd), peer, peer_bytes);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return pauseAccepting();
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;  // EAGAIN: nobody is left at the door
    }
  }
}

void Gate::acceptOne(Fd fd, const sockaddr_storage& peer, socklen_t peer_bytes) {
  if (open_ >= limits_.connections_max) {
    sendNow(fd.get(), refuse_(Refusal::kOverloaded));
    return;
  }
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (const int size = limits_.send_buffer_bytes; size > 0) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  auto connection = std::make_unique<Connection>(std::move(fd), peer, peer_bytes, limits_.request);
  ++open_;
  watch(connection->fd(), connection.get());
  enter(std::move(connection), reading_, limits_.read_timeout);
}

// The listener stays readable, so without this the loop would spin until a descriptor is free.
void Gate::pauseAccepting() {
  metrics_.pauses.add();
  accept_again_at_ = clock_.steadyNow() + kTick;
  if (const std::optional<int> left_out = pause_lines_.take(clock_.steadyNow())) {
    logWarn(kArea, "out of descriptors or memory; connections wait",
            {{"port", metrics_.port}, {"open", open_}, {"left_out", *left_out}});
  }
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_, nullptr);
  accepting_ = false;
}

void Gate::resumeAccepting() {
  watch(listener_, nullptr);
  accepting_ = true;
}

void Gate::onReadable(Connection& connection) {
  if (connection.list_ == &lingering_) return discard(connection);
  for (int i = 0; i < kReadsPerEvent; ++i) {
    if (!readOnce(connection)) return;
  }
  arm(connection);
}

// False: `connection` is armed, gone, or elsewhere; leave it alone.
bool Gate::readOnce(Connection& connection) {
  std::array<char, kReadBytes> bytes;
  const ssize_t got = ::recv(connection.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got < 0 && errno == EINTR) return true;
  if (got < 0 && errno == EAGAIN) {
    arm(connection);
    return false;
  }
  if (got <= 0) {
    close(leave(connection));
    return false;
  }
  const auto n = static_cast<std::size_t>(got);
  // The deadline of a request begins with its first byte and is never extended.
  if (connection.list_ == &idle_) enter(leave(connection), reading_, limits_.read_timeout);
  if (buffered_ + n > limits_.buffered_bytes_max) {
    refuse(connection, Refusal::kOverloaded);
    return false;
  }
  connection.in_.append(bytes.data(), n);
  buffered_ += n;
  return advance(connection);
}

// True: the request of a connection that is being read lacks bytes.
bool Gate::advance(Connection& connection) {
  const Scan scan = connection.scanner_.scan(connection.in_);
  if (scan == Scan::kWhole) {
    handOver(leave(connection));
    return false;
  }
  if (scan != Scan::kMore) {
    refuse(connection, refusalOf(scan));
    return false;
  }
  if (connection.scanner_.expectsContinue() && !std::exchange(connection.continue_sent_, true)) {
    sendNow(connection.fd(), kContinue);
  }
  return true;
}

void Gate::discard(Connection& connection) {
  std::array<char, kReadBytes> bytes;
  for (int i = 0; i < kReadsPerEvent; ++i) {
    const ssize_t got = ::recv(connection.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got > 0 || (got < 0 && errno == EINTR)) continue;
    if (got < 0 && errno == EAGAIN) break;
    return close(leave(connection));
  }
  arm(connection);
}

void Gate::takeBack() {
  std::vector<Returned> returned;
  {
    MutexLock lock(mutex_);
    returned.swap(returned_);
  }
  away_ -= returned.size();
  for (Returned& one : returned) {
    const bool sent = one.answer.empty() || sendNow(one.connection->fd(), one.answer);
    if (!sent || one.after == After::kBroken) {
      close(std::move(one.connection));
    } else if (one.after == After::kEnd || stop_begun_) {
      linger(std::move(one.connection));
    } else {
      serveNext(std::move(one.connection));
    }
  }
}

// What came in behind the answered request is the beginning of the next one.
void Gate::serveNext(Owned owned) {
  Connection& connection = *owned;
  const std::size_t answered = connection.scanner_.requestBytes();
  connection.in_.erase(0, answered);
  buffered_ -= answered;
  connection.scanner_.restart();
  connection.continue_sent_ = false;
  if (connection.in_.empty()) {
    connection.in_.shrink_to_fit();
    enter(std::move(owned), idle_, limits_.idle_timeout);
    return arm(connection);
  }
  enter(std::move(owned), reading_, limits_.read_timeout);
  if (advance(connection)) arm(connection);
}

void Gate::handOver(Owned connection) {
  whole_.push_back(std::move(connection));
  ++away_;
}

void Gate::refuse(Connection& connection, Refusal why) {
  logDebug(kArea, "refused", {{"why", nameOf(why)}});
  sendNow(connection.fd(), refuse_(why));
  linger(leave(connection));
}

void Gate::linger(Owned owned) {
  Connection& connection = *owned;
  buffered_ -= connection.in_.size();
  std::string().swap(connection.in_);
  ::shutdown(connection.fd(), SHUT_WR);
  enter(std::move(owned), lingering_, kLingerTimeout);
  arm(connection);
}

// Where nothing was asked, nothing is answered.
void Gate::giveUpOn(Connection& reading, Refusal why) {
  if (reading.in_.empty()) {
    close(leave(reading));
  } else {
    refuse(reading, why);
  }
}

void Gate::reap() {
  const SteadyTime now = clock_.steadyNow();
  if (!accepting_ && !stop_begun_ && now >= accept_again_at_) resumeAccepting();
  while (!reading_.empty() && reading_.front()->deadline_ <= now) {
    giveUpOn(*reading_.front(), Refusal::kReadTimeout);
  }
  reapList(idle_);
  reapList(lingering_);
}

void Gate::reapList(Connection::List& list) {
  const SteadyTime now = clock_.steadyNow();
  while (!list.empty() && list.front()->deadline_ <= now) close(leave(*list.front()));
}

void Gate::beginStop() {
  stop_begun_ = true;
  stop_deadline_ = clock_.steadyNow() + limits_.stop_timeout;
  // Whoever waits at the door is refused now rather than when the descriptor is closed; at a shared
  // one the next host will take him.
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_, nullptr);
  if (!shared_) ::shutdown(listener_, SHUT_RDWR);
  while (!idle_.empty()) close(leave(*idle_.front()));
  while (!reading_.empty()) giveUpOn(*reading_.front(), Refusal::kDraining);
}

bool Gate::isFinished() const {
  return stop_begun_ && (away_ == 0 || clock_.steadyNow() >= stop_deadline_);
}

void Gate::finish() {
  over_ = true;
  while (!lingering_.empty()) close(leave(*lingering_.front()));
  MutexLock lock(mutex_);
  finished_ = true;
  finished_changed_.notifyAll();
  ready_changed_.notifyAll();
}

void Gate::enter(Owned owned, Connection::List& list, Milliseconds timeout) {
  Connection& connection = *owned;
  connection.deadline_ = clock_.steadyNow() + timeout;
  connection.list_ = &list;
  connection.place_ = list.insert(list.end(), std::move(owned));
}

std::unique_ptr<Connection> Gate::leave(Connection& connection) {
  Owned owned = std::move(*connection.place_);
  connection.list_->erase(connection.place_);
  connection.list_ = nullptr;
  return owned;
}

void Gate::close(Owned connection) {
  buffered_ -= connection->in_.size();
  --open_;
}

void Gate::arm(Connection& connection) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLONESHOT;
  event.data.ptr = &connection;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd(), &event);
}

void Gate::watch(int fd, void* tag) const {
  epoll_event event{};
  const bool is_connection = tag != nullptr && tag != this;
  event.events = is_connection ? EPOLLIN | EPOLLONESHOT : EPOLLIN;
  event.data.ptr = tag;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

void Gate::wake() const { ::eventfd_write(wake_.get(), 1); }

// With a deadline to watch it looks at the clock every tick. Not at the deadline itself: the clock is
// the tests' to move.
int Gate::msUntilTick(Milliseconds timeout) const {
  const bool nothing_due = reading_.empty() && idle_.empty() && lingering_.empty();
  const bool idle = nothing_due && accepting_ && !stop_begun_;
  return static_cast<int>((idle ? timeout : std::min(timeout, kTick)).count());
}

}  // namespace modhost::host
