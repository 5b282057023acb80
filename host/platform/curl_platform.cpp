// One thread owns every call. Orders (new calls, withdrawals, cancels, stop) reach it through a queue and wake
// it; in each round it takes them, ends what is too late, starts what is due, and lets libcurl work on
// what is ready.
//
// A call is either waiting or on the wire (then it holds a CurlTry). One that waits stands in `due_`
// until the moment from which it may go has come (at once, after a back-off, after its company's
// pause), then in `turns_` until a connection is free.
#include "host/platform/curl_platform.h"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "host/base/log.h"
#include "host/base/mutex.h"
#include "host/base/startup_error.h"
#include "host/base/thread.h"
#include "host/platform/call_metrics.h"
#include "host/platform/call_trace.h"
#include "host/platform/company_turns.h"
#include "host/platform/curl_sockets.h"
#include "host/platform/curl_try.h"

namespace modhost::host {
namespace {

constexpr std::size_t kStack = 512 * 1024;  // TLS, and whatever a `done` does
// While a call waits for the Clock, it is looked at this often, as a Clock may be moved by a test.
constexpr Milliseconds kClockSlice{50};
constexpr Milliseconds kIdleSlice{10'000};

bool hasControlByte(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool isPathClean(std::string_view path) {
  return path.starts_with('/') && path.find_first_of(" #") == std::string_view::npos &&
         !hasControlByte(path);
}

bool isKnownMethod(std::string_view method) {
  constexpr std::array<std::string_view, 5> kMethods{"GET", "POST", "PATCH", "PUT", "DELETE"};
  return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
}

const char* whyRefused(const PlatformRequest& request) {
  if (!isKnownMethod(request.method)) return "the method is not one the platform knows";
  if (!isPathClean(request.path)) return "the path is no clean absolute path";
  if (hasControlByte(request.user_id)) return "the user id holds a control byte";
  if (hasControlByte(request.company_id)) return "the company id holds a control byte";
  return nullptr;
}

void checkSettings(const PlatformClientSettings& settings) {
  const std::string& base = settings.api_base;
  if (!base.starts_with("https://") && !base.starts_with("http://")) {
    throw StartupError("", "platform.api_base must begin with https:// or http://");
  }
  if (hasControlByte(base)) throw StartupError("", "platform.api_base holds a control byte");
  if (hasControlByte(settings.api_key)) {
    throw StartupError("", "platform.api_key holds a control byte (a line end from a file?)");
  }
  if (hasControlByte(settings.app_id) || hasControlByte(settings.api_version)) {
    throw StartupError("", "platform.app_id or platform.api_version holds a control byte");
  }
  if (!settings.ca_file.empty() && ::access(settings.ca_file.c_str(), R_OK) != 0) {
    throw StartupError(settings.ca_file, "platform.ca_file can not be read");
  }
}

PlatformClientSettings normalised(PlatformClientSettings settings) {
  checkSettings(settings);
  while (settings.api_base.ends_with('/')) settings.api_base.pop_back();
  return settings;
}

struct Order {
  enum class Kind { kCall = 1, kWithdraw, kCancel };
  Kind kind = Kind::kCall;
  PlatformCallId id = 0;
  PlatformRequest request;
  PlatformDone done;
};

struct Call {
  PlatformCallId id = 0;
  PlatformRequest request;
  PlatformDone done;
  SteadyTime started{};
  SteadyTime sent{};  // the latest try
  SteadyTime due{};   // while waiting
  int tries_made = 0;
  int unknown_tries = 0;
  bool withdrawn = false;                       // what is on the wire is the last try
  std::optional<Result<PlatformReply>> so_far;  // what the last try came to, while another is due
  std::unique_ptr<CurlTry> wire;                // while on the wire
};

}  // namespace

class CurlPlatform::Impl {
 public:
  Impl(PlatformClientSettings settings, Clock& clock, Metrics& metrics);
  ~Impl();

  PlatformCallId call(PlatformRequest request, PlatformDone done) EXCLUDES(mutex_);
  // kWithdraw or kCancel.
  void order(Order::Kind kind, PlatformCallId id) EXCLUDES(mutex_);

 private:
  void put(Order order) REQUIRES(mutex_);
  void run();
  bool takeOrders() EXCLUDES(mutex_);
  void carryOut(Order& order);
  void begin(Order order);
  void withdrawCall(PlatformCallId id);
  void stopCall(PlatformCallId id);
  void stopAll();
  void endLate();
  void endUnsent(Call& call, Error never_sent);
  void startDue();
  void callTurns(SteadyTime now);
  void start(Call& call);
  void endTries();
  void tryEnded(Call& call, CURLcode code);
  std::unique_ptr<CurlTry> takeOffWire(Call& call);
  std::optional<Milliseconds> retryDelay(const Call& call, const CurlTry& wire,
                                         const Result<PlatformReply>& reply);
  void pause(const std::string& company, Milliseconds delay);
  SteadyTime pausedUntil(const std::string& company) const;
  void wait(Call& call, SteadyTime due);
  void stopWaiting(const Call& call);
  void finish(Call& call, Result<PlatformReply> reply);
  Milliseconds pollTime() const;
  std::size_t waiting() const { return deadlines_.size(); }
  int triesOf(const PlatformRequest& request) const {
    const int tries = settings_.retry.tries;
    return request.tries_max > 0 ? std::min(request.tries_max, tries) : tries;
  }
  bool hasFreeSlot() const {
    return on_wire_ < static_cast<std::size_t>(settings_.connections_max);
  }

  const PlatformClientSettings settings_;
  Clock& clock_;

  Mutex mutex_;
  std::vector<Order> orders_ GUARDED_BY(mutex_);
  PlatformCallId last_id_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;

  // The thread's own; wake() is anybody's.
  CurlSockets sockets_;
  CallMetrics metrics_;
  std::unordered_map<PlatformCallId, std::unique_ptr<Call>> calls_;
  std::set<std::pair<SteadyTime, PlatformCallId>> due_;        // of those waiting for a moment
  CompanyTurns turns_;                                         // those waiting for a connection
  std::set<std::pair<SteadyTime, PlatformCallId>> deadlines_;  // of both
  std::unordered_map<std::string, SteadyTime> pauses_;         // company → until
  std::vector<std::unique_ptr<CurlTry>> idle_;                 // at most connections_max
  std::size_t on_wire_ = 0;
  std::mt19937_64 random_{std::random_device{}()};

  Thread thread_;  // last: it uses everything above
};

CurlPlatform::CurlPlatform(PlatformClientSettings settings, Clock& clock, Metrics& metrics)
    : impl_(std::make_unique<Impl>(std::move(settings), clock, metrics)) {}

CurlPlatform::~CurlPlatform() = default;

PlatformCallId CurlPlatform::call(PlatformRequest request, PlatformDone done) {
  return impl_->call(std::move(request), std::move(done));
}

void CurlPlatform::withdraw(PlatformCallId id) { impl_->order(Order::Kind::kWithdraw, id); }
void CurlPlatform::cancel(PlatformCallId id) { impl_->order(Order::Kind::kCancel, id); }

CurlPlatform::Impl::Impl(PlatformClientSettings settings, Clock& clock, Metrics& metrics)
    : settings_(normalised(std::move(settings))),
      clock_(clock),
      sockets_(settings_.connections_max),
      metrics_(metrics),
      thread_(
          "platform", [this] { run(); }, kStack) {}

CurlPlatform::Impl::~Impl() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  sockets_.wake();
  thread_.join();
}

PlatformCallId CurlPlatform::Impl::call(PlatformRequest request, PlatformDone done) {
  MutexLock lock(mutex_);
  const PlatformCallId id = ++last_id_;
  put({Order::Kind::kCall, id, std::move(request), std::move(done)});
  return id;
}

void CurlPlatform::Impl::order(Order::Kind kind, PlatformCallId id) {
  MutexLock lock(mutex_);
  put({kind, id, {}, {}});
}

// Whoever put the first has woken the thread, which takes all of them.
void CurlPlatform::Impl::put(Order order) {
  orders_.push_back(std::move(order));
  if (orders_.size() == 1) sockets_.wake();
}

void CurlPlatform::Impl::run() {
  while (takeOrders()) {
    endLate();
    startDue();
    sockets_.runTimers();
    endTries();
    metrics_.waiting(waiting());
    sockets_.poll(pollTime());
    endTries();
  }
  stopAll();
}

// False: it is time to stop; every order has been taken then, too.
bool CurlPlatform::Impl::takeOrders() {
  std::vector<Order> orders;
  bool go_on = true;
  {
    MutexLock lock(mutex_);
    orders.swap(orders_);
    go_on = !stopping_;
  }
  for (Order& order : orders) carryOut(order);
  return go_on;
}

void CurlPlatform::Impl::carryOut(Order& order) {
  switch (order.kind) {
    case Order::Kind::kCall:
      return begin(std::move(order));
    case Order::Kind::kWithdraw:
      return withdrawCall(order.id);
    case Order::Kind::kCancel:
      return stopCall(order.id);
  }
}

void CurlPlatform::Impl::begin(Order order) {
  auto owned = std::make_unique<Call>();
  Call& call = *owned;
  call.id = order.id;
  call.request = std::move(order.request);
  call.done = std::move(order.done);
  call.started = clock_.steadyNow();
  calls_.emplace(call.id, std::move(owned));
  wait(call, call.started);
  if (const char* why = whyRefused(call.request)) {
    finish(call, Error{ErrorKind::kInvalid, why});
  } else if (waiting() > settings_.waiting_max) {
    finish(call, Error{ErrorKind::kUnavailable, "too many platform calls wait already"});
  }
}

void CurlPlatform::Impl::withdrawCall(PlatformCallId id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  Call& call = *found->second;
  call.withdrawn = true;
  if (!call.wire) endUnsent(call, {ErrorKind::kCancelled, "the call was withdrawn before it left"});
}

void CurlPlatform::Impl::stopCall(PlatformCallId id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  Call& call = *found->second;
  if (call.wire) {
    auto wire = takeOffWire(call);
    if (wire->left()) ++call.unknown_tries;
    ++call.tries_made;
    idle_.push_back(std::move(wire));
  }
  finish(call, Error{ErrorKind::kCancelled, "the call was cancelled"});
}

// A `done` may order further calls: they end likewise.
void CurlPlatform::Impl::stopAll() {
  do {
    while (!calls_.empty()) stopCall(calls_.begin()->first);
    takeOrders();
  } while (!calls_.empty());
}

void CurlPlatform::Impl::endLate() {
  const SteadyTime now = clock_.steadyNow();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    endUnsent(*calls_.at(deadlines_.begin()->second),
              {ErrorKind::kTimeout, "the deadline passed before the request could be sent"});
  }
}

// What a gateway answered to an earlier try is not forgotten: behind it the call may have been done.
void CurlPlatform::Impl::endUnsent(Call& call, Error never_sent) {
  if (call.so_far) return finish(call, std::move(*call.so_far));
  finish(call, std::move(never_sent));
}

void CurlPlatform::Impl::startDue() {
  const SteadyTime now = clock_.steadyNow();
  callTurns(now);
  while (hasFreeSlot() && !turns_.empty()) {
    Call& call = *calls_.at(turns_.take());
    const SteadyTime paused_until = pausedUntil(call.request.company_id);
    stopWaiting(call);
    if (paused_until > now) {
      wait(call, paused_until);
    } else {
      start(call);
    }
  }
}

void CurlPlatform::Impl::callTurns(SteadyTime now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const auto due = *due_.begin();
    due_.erase(due_.begin());
    turns_.add(calls_.at(due.second)->request.company_id, due);
  }
}

void CurlPlatform::Impl::start(Call& call) {
  const auto left = std::chrono::ceil<Milliseconds>(call.request.deadline - clock_.steadyNow());
  const Milliseconds timeout = std::clamp(left, Milliseconds(1), settings_.try_timeout);
  if (idle_.empty()) {
    call.wire = std::make_unique<CurlTry>(settings_);
  } else {
    call.wire = std::move(idle_.back());
    idle_.pop_back();
  }
  call.sent = clock_.steadyNow();
  const bool after_silence = call.so_far && !call.so_far->ok();
  call.wire->prepare(call.request, timeout, after_silence, &call);
  ++on_wire_;
  metrics_.onWire(1);
  if (call.tries_made > 0) metrics_.retried();
  curl_multi_add_handle(sockets_.multi(), call.wire->handle());
}

void CurlPlatform::Impl::endTries() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(sockets_.multi(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;  // the message dies with its handle's removal
    tryEnded(*static_cast<Call*>(CurlTry::owner(message->easy_handle)), code);
  }
}

void CurlPlatform::Impl::tryEnded(Call& call, CURLcode code) {
  auto wire = takeOffWire(call);
  Result<PlatformReply> reply = wire->finish(code);
  ++call.tries_made;
  traceTry(call.request, call.tries_made, reply, clock_.steadyNow() - call.sent);
  if (!reply.ok() && wire->left()) ++call.unknown_tries;
  const auto delay = retryDelay(call, *wire, reply);
  idle_.push_back(std::move(wire));
  const SteadyTime now = clock_.steadyNow();
  if (delay && reply.ok() && reply.value().status == 429) {
    pause(call.request.company_id, *delay);
  }
  const bool again = delay && !call.withdrawn && call.tries_made < triesOf(call.request);
  if (again && now + *delay < call.request.deadline) {
    call.so_far = std::move(reply);
    wait(call, now + *delay);
  } else {
    finish(call, std::move(reply));
  }
}

std::unique_ptr<CurlTry> CurlPlatform::Impl::takeOffWire(Call& call) {
  curl_multi_remove_handle(sockets_.multi(), call.wire->handle());
  --on_wire_;
  metrics_.onWire(-1);
  return std::move(call.wire);
}

// nullopt: what came is the call's end. Otherwise how long to wait before another try.
std::optional<Milliseconds> CurlPlatform::Impl::retryDelay(const Call& call, const CurlTry& wire,
                                                           const Result<PlatformReply>& reply) {
  if (reply.ok() && !isRetryableStatus(reply.value().status)) return std::nullopt;
  if (!reply.ok() && wire.hopeless()) return std::nullopt;
  const Milliseconds backoff = backoffDelay(settings_.retry, call.tries_made, random_());
  const auto asked = parseRetryAfter(settings_.retry, wire.retryAfter(), clock_.wallNow());
  return std::max(backoff, asked.value_or(Milliseconds(0)));
}

void CurlPlatform::Impl::pause(const std::string& company, Milliseconds delay) {
  const SteadyTime now = clock_.steadyNow();
  const SteadyTime until = now + delay;
  std::erase_if(pauses_, [now](const auto& entry) { return entry.second <= now; });
  const auto [place, is_new] = pauses_.try_emplace(company, until);
  place->second = std::max(place->second, until);
  if (!is_new) return;
  logWarn("platform", "the platform answered 429; calls of this company pause",
          {{"company", company}, {"pause_ms", delay.count()}});
}

SteadyTime CurlPlatform::Impl::pausedUntil(const std::string& company) const {
  const auto found = pauses_.find(company);
  return found == pauses_.end() ? SteadyTime::min() : found->second;
}

void CurlPlatform::Impl::wait(Call& call, SteadyTime due) {
  call.due = due;
  due_.emplace(due, call.id);
  deadlines_.emplace(call.request.deadline, call.id);
}

void CurlPlatform::Impl::stopWaiting(const Call& call) {
  due_.erase({call.due, call.id});
  turns_.remove(call.request.company_id, {call.due, call.id});
  deadlines_.erase({call.request.deadline, call.id});
}

void CurlPlatform::Impl::finish(Call& call, Result<PlatformReply> reply) {
  stopWaiting(call);
  const auto owned = std::move(calls_.extract(call.id).mapped());
  PlatformOutcome outcome{std::move(reply), owned->unknown_tries, owned->tries_made};
  const std::chrono::duration<double> seconds = clock_.steadyNow() - owned->started;
  metrics_.ended(owned->request.method, owned->request.route, outcome, seconds.count());
  traceCall(owned->request, owned->tries_made, outcome, clock_.steadyNow() - owned->started);
  owned->done(std::move(outcome));
}

Milliseconds CurlPlatform::Impl::pollTime() const {
  if (deadlines_.empty()) return kIdleSlice;
  const SteadyTime now = clock_.steadyNow();
  if (hasFreeSlot() && !turns_.empty()) return Milliseconds(0);
  SteadyTime next = deadlines_.begin()->first;
  if (!due_.empty()) next = std::min(next, due_.begin()->first);
  return std::clamp(std::chrono::ceil<Milliseconds>(next - now), Milliseconds(0), kClockSlice);
}

}  // namespace modhost::host
