#include "host/modules/worker_pool.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "host/base/log.h"

// The loop: sleep in poll() on every wire of every process, the mailbox and the next timer; run
// what was posted; serve each process; do what is due; remove the buried. Everything here runs on
// the pool's thread, so there is no lock but for the first start's result. What a worker's frames
// mean stands in worker_frames.cpp.

namespace modhost::host {
namespace {

constexpr const char* kArea = "modules";
constexpr std::size_t kWires = 3;  // channel, stderr, pidfd of each process
// A clock that is not the system's moves without waking poll(); look at it this often.
constexpr Milliseconds kSleepMax{500};
// One that says too much is not heard for this long at least, so that poll() does not turn idly.
constexpr Milliseconds kUnheardMin{10};
constexpr Milliseconds kMemoryEvery{500};

}  // namespace

WorkerPool::WorkerPool(ModuleCopy copy, ModuleDescription description, int concurrency,
                       std::string config_json, WorkerSettings settings,
                       std::shared_ptr<HostModuleSink> sink, Metrics& metrics, Clock& clock)
    : copy_(std::move(copy)),
      description_(std::move(description)),
      concurrency_(concurrency),
      config_json_(std::move(config_json)),
      settings_(std::move(settings)),
      sink_(std::move(sink)),
      clock_(clock),
      mailbox_(std::make_shared<Mailbox>()),
      spawn_at_(clock.steadyNow()),
      memory_at_(clock.steadyNow()),
      jitter_(std::random_device{}()),
      ended_(metrics.counter("modhost_workers_ended_total",
                             "Worker processes that ended and were not told to.",
                             {{"module", description_.id}})),
      alive_(
          metrics.gauge("modhost_workers", "Worker processes now.", {{"module", description_.id}})),
      resident_(metrics.gauge("modhost_worker_resident_bytes",
                              "Memory of a module's worker processes that is in RAM.",
                              {{"module", description_.id}})),
      thread_(
          "w-" + description_.id, [this] { run(); }, kThreadStackDefault, Waking::kYields) {}

Result<void> WorkerPool::awaitFirst() {
  MutexLock lock(mutex_);
  while (!first_) first_changed_.wait(mutex_);
  return *first_;
}

RunnerHealth WorkerPool::health() const {
  MutexLock lock(mutex_);
  return health_;
}

void WorkerPool::start(Attempt attempt, ModuleRunner::Ended ended) {
  auto running = std::make_shared<Running>();
  running->attempt = std::move(attempt);
  running->ended = std::move(ended);
  MODHOST_ASSERT(mailbox_->post([this, running] { begin(std::move(*running)); }));
}

void WorkerPool::cancel(AttemptToken token) {
  mailbox_->post([this, token] { onCancel(token); });
}

void WorkerPool::abandon(AttemptToken token) {
  mailbox_->post([this, token] { onAbandon(token); });
}

void WorkerPool::stop(Milliseconds grace) {
  mailbox_->post([this, grace] { onStop(grace); });
  thread_.join();
}

void WorkerPool::run() {
  while (!finished()) {
    keepServing();
    giveWaiting();
    poll();
    keepTime();
    members_.erase(
        std::remove_if(members_.begin(), members_.end(),
                       [](const MemberPtr& member) { return member->process == nullptr; }),
        members_.end());
    countAlive();
  }
  showResident(0);
  reportFirst(Error{ErrorKind::kCancelled, "stopped before it was ready"});
  // What was posted behind the stop: nothing may be started any more, and no attempt is left to
  // speak of.
  mailbox_->close();
}

bool WorkerPool::finished() const { return stopping_ && members_.empty(); }

void WorkerPool::poll() {
  std::vector<pollfd> fds = {{mailbox_->fd(), POLLIN, 0}};
  for (const MemberPtr& member : members_) {
    const WorkerProcess& process = *member->process;
    const bool heard = !member->unheard_until;
    const int wanted = (heard ? POLLIN : 0) | (process.unsentBytes() > 0 ? POLLOUT : 0);
    fds.push_back({wanted == 0 ? -1 : process.channelFd(), static_cast<short>(wanted), 0});
    fds.push_back({heard ? process.stderrFd() : -1, POLLIN, 0});
    fds.push_back({process.pidFd(), POLLIN, 0});
  }
  const std::size_t polled = members_.size();
  const auto sleep = std::chrono::ceil<Milliseconds>(nextTimer() - clock_.steadyNow());
  const Milliseconds bounded = std::clamp(sleep, Milliseconds(0), kSleepMax);
  if (::poll(fds.data(), fds.size(), static_cast<int>(bounded.count())) <= 0) return;
  if (fds[0].revents != 0) {
    for (const Mailbox::Task& task : mailbox_->take()) task();
  }
  for (std::size_t i = 0; i < polled; ++i) serve(*members_[i], &fds[1 + i * kWires]);
}

void WorkerPool::serve(Member& member, const pollfd* fds) {
  WorkerProcess& process = *member.process;
  if (fds[2].revents != 0) return drainAndBury(member);
  const std::int64_t before = process.bytesRead();
  if ((fds[0].revents & POLLOUT) != 0) process.flush();
  if ((fds[0].revents & ~POLLOUT) != 0) {
    const bool open = process.readChannel() != WorkerProcess::Read::kEnd;
    readFrames(member);
    // As a rule it is dying; one that lives on without its channel is of no use.
    if (!open && !member.kill_at) member.kill_at = clock_.steadyNow() + settings_.stop_grace;
  }
  if (fds[1].revents != 0) {
    for (const std::string& line : process.readLines()) {
      hear(member, kWorkerFrameCost);
      sink_->standardError(process.pid(), line);
    }
  }
  hear(member, static_cast<double>(process.bytesRead() - before));
}

// What a worker says is paid for from its pace; one in debt is not read until that is paid off, and
// stands still in its write meanwhile. The other modules have threads of their own, but no more
// processors than this one.
void WorkerPool::hear(Member& member, double bytes) {
  const SteadyTime now = clock_.steadyNow();
  member.pace.spend(bytes, now);
  if (member.pace.owedUntil() <= now) return;
  member.unheard_until = std::max(member.pace.owedUntil(), now + kUnheardMin);
  if (std::exchange(member.talk_told, true)) return;
  logWarn(kArea, "worker slowed down: it says more than the host will hear",
          {{"module", description_.id}, {"pid", member.process->pid()}});
}

void WorkerPool::keepTime() {
  const SteadyTime now = clock_.steadyNow();
  for (const MemberPtr& member : members_) {
    if (member->process != nullptr) keepTimeOf(*member, now);
  }
  keepMemory(now);
}

void WorkerPool::keepTimeOf(Member& member, SteadyTime now) {
  const bool starting = member.state == State::kLoading || member.state == State::kStarting;
  if (starting && now >= member.start_deadline) {
    member.start_deadline = SteadyTime::max();
    endByHost(member, "it was not ready within worker.start_timeout");
  }
  if (member.unheard_until && now >= *member.unheard_until) member.unheard_until.reset();
  if (member.term_at && now >= *member.term_at) {
    member.term_at.reset();
    member.process->signal(SIGTERM);
  }
  if (member.kill_at && now >= *member.kill_at) {
    member.kill_at.reset();
    const bool deaf = member.process->channelFd() < 0;
    if (member.ended_by_host.empty()) {
      member.ended_by_host = deaf ? "it closed its channel" : "it did not end when it should have";
    }
    member.process->signal(SIGKILL);
  }
}

// A module that leaks would sooner or later fail every event for want of memory. Its worker is
// replaced while there is some left; what runs in it finishes there. How large it was when it
// became ready does not count, so that a module which needs much is not replaced for ever.
void WorkerPool::keepMemory(SteadyTime now) {
  if (now < memory_at_) return;
  memory_at_ = now + kMemoryEvery;
  std::int64_t resident = 0;
  for (const MemberPtr& member : members_) {
    if (member->process == nullptr) continue;
    const WorkerProcess::Memory memory = member->process->memory();
    resident += memory.resident_bytes;
    const bool bounded = member->state == State::kServing && member->memory_limit != 0;
    if (!bounded || member->alone) continue;
    const std::int64_t grown = memory.address_space_bytes - member->memory_at_ready;
    const std::int64_t room = member->memory_limit - member->memory_at_ready;
    const bool full = static_cast<double>(grown) >= kWorkerMemoryFull * static_cast<double>(room);
    if (room <= 0 || !full) continue;
    retire(*member, "worker retired: its memory is nearly full");
    leaveIfDone(*member);
  }
  showResident(resident);
}

// The generations of a module share one gauge.
void WorkerPool::showResident(std::int64_t bytes) {
  resident_.add(static_cast<double>(bytes - std::exchange(resident_shown_, bytes)));
}

SteadyTime WorkerPool::nextTimer() const {
  SteadyTime next = clock_.steadyNow() + kSleepMax;
  for (const MemberPtr& member : members_) {
    const bool starting = member->state == State::kLoading || member->state == State::kStarting;
    if (starting) next = std::min(next, member->start_deadline);
    if (member->term_at) next = std::min(next, *member->term_at);
    if (member->kill_at) next = std::min(next, *member->kill_at);
    if (member->unheard_until) next = std::min(next, *member->unheard_until);
  }
  const bool to_spawn = !stopping_ && (!commonLives() || aloneToSpawn() > 0);
  return to_spawn ? std::min(next, spawn_at_) : next;
}

void WorkerPool::keepServing() {
  if (stopping_ || clock_.steadyNow() < spawn_at_) return;
  if (!commonLives()) spawn(false);
  for (std::size_t n = aloneToSpawn(); n > 0 && clock_.steadyNow() >= spawn_at_; --n) spawn(true);
}

bool WorkerPool::commonLives() const {
  return std::any_of(members_.begin(), members_.end(), [](const MemberPtr& member) {
    const bool leaving = member->state == State::kRetired || member->state == State::kStopping;
    return !member->alone && !leaving && member->process != nullptr;
  });
}

// How many suspects wait for whom no worker is on its way.
std::size_t WorkerPool::aloneToSpawn() const {
  const auto coming = std::count_if(members_.begin(), members_.end(), [](const MemberPtr& member) {
    const bool starting = member->state == State::kLoading || member->state == State::kStarting;
    return member->alone && starting && member->process != nullptr;
  });
  return waiting_alone_.size() - std::min(waiting_alone_.size(), static_cast<std::size_t>(coming));
}

void WorkerPool::spawn(bool alone) {
  auto process = WorkerProcess::spawn(settings_.worker_program, settings_.frame_max_bytes);
  if (!process.ok()) return spawnFailed(process.error().message);
  auto member = std::make_unique<Member>(clock_.steadyNow());
  member->serial = ++last_serial_;
  member->alone = alone;
  member->process = process.take();
  member->start_deadline = clock_.steadyNow() + settings_.start_timeout;
  const StartFrame start = startFor(copy_, settings_, alone ? 1 : concurrency_);
  member->memory_limit = static_cast<std::int64_t>(start.memory_max_bytes);
  member->process->send({FrameType::kStart, 0, encode(start)});
  members_.push_back(std::move(member));
}

void WorkerPool::spawnFailed(const std::string& why) {
  backOff(false);
  logError(kArea, "no worker could be started", {{"module", description_.id}, {"error", why}});
  reportFirst(Error{ErrorKind::kUnavailable, "no worker could be started: " + why});
}

// A worker that ended an attempt was a working one, and one that died with attempts in it may have
// died of them: that is counted against them and so has an end. The next starts after the shortest
// wait: one poisonous event must not slow its neighbours down.
void WorkerPool::backOff(bool was_good) {
  failures_ = was_good ? 0 : failures_ + 1;
  Milliseconds wait = settings_.restart_backoff;
  for (int i = 1; i < failures_ && wait < settings_.restart_backoff_max; ++i) wait *= 2;
  wait = std::min(wait, settings_.restart_backoff_max);
  const double share = 0.5 + 0.5 * std::uniform_real_distribution<double>()(jitter_);
  spawn_at_ = clock_.steadyNow() + std::chrono::duration_cast<Milliseconds>(wait * share);
}

void WorkerPool::readFrames(Member& member) {
  while (!member.broke_protocol) {
    const Result<std::optional<Frame>> frame = member.process->nextFrame();
    if (frame.ok() && !frame.value()) return;
    hear(member, kWorkerFrameCost);
    if (frame.ok() && onFrame(member, *frame.value())) continue;
    member.broke_protocol = true;
    endByHost(member, "it broke the protocol: " +
                          (frame.ok() ? "unexpected or malformed frame of type " +
                                            std::to_string(static_cast<int>(frame.value()->type))
                                      : frame.error().message));
  }
}

void WorkerPool::endByHost(Member& member, const std::string& why) {
  if (member.ended_by_host.empty()) member.ended_by_host = why;
  if (member.state != State::kStopping || member.broke_protocol) member.process->signal(SIGKILL);
}

void WorkerPool::retire(Member& member, const char* why) {
  if (member.state != State::kServing) return;
  member.state = State::kRetired;
  if (!member.alone) spawn_at_ = clock_.steadyNow();
  logWarn(kArea, why,
          {{"module", description_.id},
           {"pid", member.process->pid()},
           {"neighbours", member.running.size()}});
}

// A retired worker goes when only overrun attempts are left in it, and at the latest when the
// deadline of its last neighbour has passed. One for a single suspect goes with that.
void WorkerPool::leaveIfDone(Member& member) {
  const bool leaves =
      member.state == State::kRetired || (member.state == State::kServing && member.alone);
  if (!leaves) return;
  const SteadyTime now = clock_.steadyNow();
  if (!member.running.empty()) {
    if (member.state != State::kRetired) return;
    SteadyTime last = now;
    for (const auto& entry : member.running) last = std::max(last, entry.second.attempt.deadline);
    member.kill_at = last + settings_.stop_grace;
    return;
  }
  if (member.abandoned.empty()) return drain(member, settings_.stop_grace);
  if (member.ended_by_host.empty()) member.ended_by_host = "its last attempts overran";
  member.blameless = true;
  member.term_at = now;
  member.kill_at = now + settings_.stop_grace;
}

void WorkerPool::drain(Member& member, Milliseconds grace) {
  if (member.ended_by_host.empty()) member.ended_by_host = "the host stopped it";
  member.blameless = true;
  member.state = State::kStopping;
  member.kill_at = clock_.steadyNow() + grace;
  // The worker gives up on its module a little earlier, so that its last words can still be read.
  member.process->send({FrameType::kDrain, 0, encodeGrace(grace - grace / 4)});
}

void WorkerPool::onStop(Milliseconds grace) {
  if (stopping_) return;
  stopping_ = true;
  AttemptEnd end;
  end.kind = AttemptEnd::Kind::kInterrupted;
  end.text = "not begun when the module stopped";
  end.suspect = false;
  for (std::deque<Running>* queue : {&waiting_, &waiting_alone_}) {
    std::deque<Running> waiting;
    waiting.swap(*queue);
    for (Running& running : waiting) running.ended(end);
  }
  for (const MemberPtr& member : members_) {
    if (member->process == nullptr || member->state == State::kStopping) continue;
    const bool starting = member->state == State::kLoading || member->state == State::kStarting;
    drain(*member, starting ? Milliseconds(0) : grace);
  }
}

void WorkerPool::reportFirst(Result<void> result) {
  MutexLock lock(mutex_);
  if (first_) return;
  first_ = std::move(result);
  first_changed_.notifyAll();
}

// The generations of a module share one gauge.
void WorkerPool::countAlive() {
  const int alive = static_cast<int>(members_.size());
  alive_.add(alive - std::exchange(counted_alive_, alive));
  const bool up = serving() != nullptr || failures_ == 0;
  MutexLock lock(mutex_);
  health_.workers = alive;
  health_.up = up;
}

void WorkerPool::countStuck() {
  stuck_ =
      static_cast<int>(std::count_if(members_.begin(), members_.end(), [](const MemberPtr& member) {
        return !member->abandoned.empty();
      }));
}

}  // namespace modhost::host
