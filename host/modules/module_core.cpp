#include "host/modules/module_core.h"

#include <algorithm>
#include <system_error>

#include "host/base/log.h"
#include "host/modules/config_schema.h"
#include "host/modules/module_limits.h"

// An attempt is in `waiting_` until a thread takes it, and in `running_` until it is completed.
// Neither the module nor anybody's callback is ever called with the mutex held; `inside_` counts
// those who are about to, so that the module is not closed under them.

namespace modhost::host {
namespace {

constexpr std::size_t kErrorBytesMax = 1024;

thread_local AttemptToken current_attempt = 0;

Error refused(const std::string& what, const char* text, const modhost_error_buffer& buffer) {
  const auto used = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.used, kErrorBytesMax));
  const std::string reason = bounded(std::string_view(text, used));
  return {ErrorKind::kInvalid, what + (reason.empty() ? "it gave no reason" : reason)};
}

AttemptEnd interrupted(std::string text) {
  AttemptEnd end;
  end.kind = AttemptEnd::Kind::kInterrupted;
  end.text = std::move(text);
  end.suspect = false;
  return end;
}

ModuleReply noReply(ModuleReply::Error error, std::string text) {
  ModuleReply reply;
  reply.error = error;
  reply.error_text = std::move(text);
  return reply;
}

}  // namespace

AttemptToken currentAttempt() { return current_attempt; }

ModuleCore::ModuleCore(std::unique_ptr<SharedLibrary> library, InProcessSettings settings,
                       std::shared_ptr<ModuleSink> sink, Clock& clock)
    : library_(std::move(library)),
      settings_(std::move(settings)),
      sink_(std::move(sink)),
      clock_(clock),
      host_(hostTable(*this)),
      loader_(clock) {}

Result<void> ModuleCore::open() {
  const Result<void> fits =
      checkConfig(description().config_schema, settings_.config_json, Patterns::kChecked);
  if (!fits.ok()) return unloaded(fits.error());
  try {
    loader_.begin("l-" + description().id, settings_.thread_begin);
  } catch (const std::system_error& error) {
    return unloaded(
        {ErrorKind::kUnavailable, std::string("no thread could be started: ") + error.what()});
  }
  const SteadyTime until = clock_.steadyNow() + settings_.start_timeout;
  if (!loader_.run([this] { opened_ = makeInstance(); }, until)) return startGivenUp();
  if (opened_.ok()) return {};
  loader_.end();
  return unloaded(opened_.error());
}

Result<void> ModuleCore::makeInstance() {
  char text[kErrorBytesMax] = {};
  modhost_error_buffer error{text, sizeof(text), 0};
  instance_ = library_->table().create(&host_, &error);
  if (instance_ == nullptr) return refused("it refused to be created: ", text, error);
  error.used = 0;
  const std::string& config = settings_.config_json;
  if (library_->table().start(instance_, {config.data(), config.size()}, &error) == 0) return {};
  library_->table().destroy(instance_);
  return refused("it refused to start: ", text, error);
}

Error ModuleCore::unloaded(Error error) {
  library_->unload();
  return error;
}

Error ModuleCore::startGivenUp() {
  {
    MutexLock lock(mutex_);
    given_up_ = true;
    stuck_ = 1;
  }
  sink_->close();
  return {ErrorKind::kUnavailable, "it was not ready within " +
                                       std::to_string(settings_.start_timeout.count()) +
                                       " ms; its code and a thread stay until this process ends"};
}

void ModuleCore::start(Attempt attempt, ModuleRunner::Ended ended) {
  auto running = std::make_shared<Running>();
  running->attempt = std::move(attempt);
  running->ended = std::move(ended);
  running->event = eventOf(running->attempt);
  std::string failure;
  {
    MutexLock lock(mutex_);
    MODHOST_ASSERT(!stopping_);
    try {
      growFor(waiting_.size() + 1);
    } catch (const std::system_error& error) {
      if (threads_.empty()) failure = error.what();
    }
    if (failure.empty()) {
      MODHOST_ASSERT(running_.emplace(running->attempt.token, running).second);
      waiting_.push_back(running);
      wakeAnother();
    }
  }
  if (failure.empty()) return;
  AttemptEnd end;
  end.kind = AttemptEnd::Kind::kRetry;
  end.text = "no thread could be started: " + failure;
  running->ended(std::move(end));
}

void ModuleCore::cancel(AttemptToken token) {
  {
    MutexLock lock(mutex_);
    const auto found = running_.find(token);
    if (found == running_.end() || std::exchange(found->second->cancelled, true)) return;
    if (!found->second->begun || library_->table().cancel == nullptr) return;
    ++inside_;
  }
  library_->table().cancel(instance_, handleOf(token));
  leave();
}

void ModuleCore::abandon(AttemptToken token) {
  ModuleRunner::Ended dropped;  // destroyed without the mutex
  MutexLock lock(mutex_);
  const auto found = running_.find(token);
  if (found == running_.end() || found->second->abandoned) return;
  const RunningPtr running = found->second;
  dropped = std::exchange(running->ended, nullptr);
  if (!running->begun) {
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), running));
    running_.erase(found);
    return;
  }
  running->abandoned = true;
  ++stuck_;
  if (running->handling) ++stuck_handling_;
  try {
    growFor(waiting_.size());
  } catch (const std::system_error& error) {
    sink_->log(LogLevel::kWarn, 0, {},
               std::string("no thread to replace a stuck one: ") + error.what(), {});
  }
  wakeAnother();
}

int ModuleCore::stuck() const {
  MutexLock lock(mutex_);
  return stuck_;
}

bool ModuleCore::stop(Milliseconds grace) {
  const SteadyTime until = clock_.steadyNow() + grace;
  interruptWaiting();
  cancelAll();
  if (!awaitQuiet(until)) {
    giveUp("the module did not end");
    return false;
  }
  if (!close(until)) {
    giveUp("the module did not end: its stop() or destroy() has not returned");
    return false;
  }
  return true;
}

void ModuleCore::log(AttemptToken token, LogLevel level, std::string_view message,
                     std::string_view fields) {
  std::shared_ptr<PlatformCalls> calls;
  {
    MutexLock lock(mutex_);
    const auto found = running_.find(token);
    if (found != running_.end()) calls = found->second->attempt.calls;
  }
  if (!calls) return sink_->log(level, 0, {}, message, fields);
  sink_->log(
      level, token, [&] { return calls->about(); }, message, fields);
}

void ModuleCore::metric(std::int32_t kind, std::string_view name, double value) {
  sink_->metric(kind, name, value);
}

void ModuleCore::call(AttemptToken token, ModuleCall call, std::function<void(ModuleReply)> done) {
  std::string refusal = callRefusal(call);
  RunningPtr running;
  bool over = false;
  {
    MutexLock lock(mutex_);
    const auto found = running_.find(token);
    over = found == running_.end() || found->second->abandoned;
    if (!over && refusal.empty() && found->second->calls_in_flight >= kAttemptCallsMax) {
      refusal = "more than " + std::to_string(kAttemptCallsMax) + " calls in flight";
    }
    if (!over && refusal.empty()) {
      running = found->second;
      ++running->calls_in_flight;
      ++inside_;
    }
  }
  if (over) return done(noReply(ModuleReply::Error::kCancelled, "the attempt is over"));
  if (!refusal.empty()) return done(noReply(ModuleReply::Error::kRefused, refusal));
  const auto self = shared_from_this();
  running->attempt.calls->call(std::move(call), [self, running, done](ModuleReply reply) {
    done(std::move(reply));
    {
      MutexLock lock(self->mutex_);
      --running->calls_in_flight;
    }
    self->leave();
  });
}

bool ModuleCore::cancelled(AttemptToken token) {
  std::shared_ptr<PlatformCalls> calls;
  {
    MutexLock lock(mutex_);
    const auto found = running_.find(token);
    if (found == running_.end() || found->second->cancelled || found->second->abandoned)
      return true;
    calls = found->second->attempt.calls;
  }
  return calls->cancelled();
}

void ModuleCore::complete(AttemptToken token, AttemptEnd end) {
  RunningPtr running;
  {
    MutexLock lock(mutex_);
    const auto found = running_.find(token);
    if (found != running_.end() && found->second->begun) {
      running = found->second;
      running_.erase(found);
      if (running->abandoned) --stuck_;
    } else if (given_up_) {
      return;
    }
    ++inside_;
  }
  if (running == nullptr) {
    sink_->log(LogLevel::kError, 0, {},
               "the module completed an attempt that is over, or never was; ignored", {});
  } else if (running->ended) {
    running->ended(std::move(end));
  }
  leave();
}

void ModuleCore::work() {
  if (settings_.thread_begin) settings_.thread_begin();
  while (const RunningPtr running = next()) {
    current_attempt = running->attempt.token;
    library_->table().handle(instance_, &running->event, handleOf(running->attempt.token));
    current_attempt = 0;
    handled(*running);
  }
}

// The next attempt to handle; null: stop. What was cancelled before it began is handled all the
// same: the module sees cancelled() at once and says how it ends.
ModuleCore::RunningPtr ModuleCore::next() {
  MutexLock lock(mutex_);
  ++idle_;
  while (!stopping_ && (waiting_.empty() || !mayBegin())) {
    work_.wait(mutex_);
    waking_ = false;
  }
  --idle_;
  if (stopping_) return nullptr;
  RunningPtr running = std::move(waiting_.front());
  waiting_.pop_front();
  running->begun = running->handling = true;
  ++handling_;
  wakeAnother();
  return running;
}

// One thread at a time is on its way: it wakes the next when it has taken something and more is
// left. So a module that is quick with a burst wakes few threads, a slow one as many as it bears.
void ModuleCore::wakeAnother() {
  if (waking_ || idle_ == 0 || waiting_.empty() || !mayBegin()) return;
  waking_ = true;
  work_.notifyOne();
}

// Never more threads in handle() than the module bears, however many are stuck.
bool ModuleCore::mayBegin() const {
  return handling_ - stuck_handling_ < settings_.concurrency &&
         handling_ < description().concurrency_max;
}

void ModuleCore::growFor(std::size_t waiting) {
  const auto limit = static_cast<std::size_t>(
      std::min(settings_.concurrency + stuck_handling_, description().concurrency_max));
  if (idle_ >= waiting || threads_.size() >= limit) return;
  threads_.emplace_back(
      "m-" + description().id, [this] { work(); }, settings_.thread_stack, Waking::kYields);
}

// Its thread takes the next that waits itself, so nobody else need be woken for that.
void ModuleCore::handled(Running& running) {
  MutexLock lock(mutex_);
  running.handling = false;
  --handling_;
  if (running.abandoned) --stuck_handling_;
  if (stopping_) quiet_.notifyAll();
}

void ModuleCore::leave() {
  MutexLock lock(mutex_);
  --inside_;
  if (stopping_) quiet_.notifyAll();
}

void ModuleCore::interruptWaiting() {
  std::deque<RunningPtr> waiting;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    waiting.swap(waiting_);
    for (const RunningPtr& running : waiting) running_.erase(running->attempt.token);
    work_.notifyAll();
  }
  for (const RunningPtr& running : waiting)
    running->ended(interrupted("not begun when the module stopped"));
}

void ModuleCore::cancelAll() {
  std::vector<AttemptToken> tokens;
  {
    MutexLock lock(mutex_);
    for (const auto& entry : running_) tokens.push_back(entry.first);
  }
  for (const AttemptToken token : tokens) cancel(token);
}

bool ModuleCore::awaitQuiet(SteadyTime until) {
  MutexLock lock(mutex_);
  while (!running_.empty() || handling_ > 0 || inside_ > 0) {
    if (clock_.steadyNow() >= until) return false;
    clock_.waitUntil(quiet_, mutex_, until);
  }
  return true;
}

// Something keeps it, even where no attempt is left.
void ModuleCore::giveUp(const std::string& what) {
  std::unordered_map<AttemptToken, RunningPtr> left;
  int stuck = 0;
  {
    MutexLock lock(mutex_);
    given_up_ = true;
    left.swap(running_);
    stuck_ = stuck = std::max({1, handling_, static_cast<int>(left.size())});
  }
  sink_->log(LogLevel::kWarn, 0, {},
             what + "; its code and " + std::to_string(stuck) +
                 " attempts or threads stay until this process ends",
             {});
  for (const auto& entry : left) {
    if (entry.second->ended)
      entry.second->ended(interrupted("still running when the module stopped"));
  }
  sink_->close();
}

bool ModuleCore::close(SteadyTime until) {
  std::vector<Thread> threads;
  {
    MutexLock lock(mutex_);
    threads.swap(threads_);
  }
  threads.clear();  // joins
  const auto end_instance = [this] {
    library_->table().stop(instance_);
    library_->table().destroy(instance_);
  };
  if (!loader_.run(end_instance, until)) return false;
  loader_.end();
  const bool unloaded = library_->unload();
  mapped_ = !unloaded;
  if (!unloaded && settings_.copy) settings_.copy->keep();
  sink_->log(LogLevel::kInfo, 0, {},
             unloaded ? "stopped; its code is unloaded" : "stopped; its code is still mapped", {});
  return true;
}

}  // namespace modhost::host
