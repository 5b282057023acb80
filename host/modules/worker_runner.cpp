#include "host/modules/worker_runner.h"

#include <poll.h>
#include <signal.h>

#include <array>

#include "host/modules/module_limits.h"
#include "host/modules/worker_pool.h"
#include "host/modules/worker_process.h"

namespace modhost::host {
namespace {

Error unavailable(std::string message) { return {ErrorKind::kUnavailable, std::move(message)}; }

// What a dead worker may have left in the pipe of its stderr, four times over.
constexpr int kLastLinesReadsMax = 16;

// The last line that a worker wrote to stderr while it loaded the module. Whoever does not read
// blocks it.
class LastLine {
 public:
  void read(WorkerProcess& process) {
    for (const std::string& line : process.readLines()) {
      if (!line.empty()) line_ = line;
    }
  }
  std::string words() const { return line_.empty() ? "" : "; it last said: " + bounded(line_); }

 private:
  std::string line_;
};

std::string wordsOfDeath(WorkerProcess& process, LastLine& last) {
  process.signal(SIGKILL);  // what it forked may go on writing
  for (int reads = 0; process.stderrFd() >= 0 && reads < kLastLinesReadsMax; ++reads) {
    last.read(process);
  }
  return process.reap().words + last.words();
}

// What the one frame says that answers START.
Result<ModuleDescription> firstWord(const Frame& frame, const ModuleNote& note) {
  if (frame.type == FrameType::kRefused) return Error{ErrorKind::kInvalid, bounded(frame.payload)};
  const std::optional<HelloFrame> hello =
      frame.type == FrameType::kHello ? decodeHello(frame.payload) : std::nullopt;
  if (!hello || hello->version != kWorkerProtocolVersion || hello->description.id != note.id) {
    return unavailable("its worker broke the protocol while loading it");
  }
  return hello->description;
}

}  // namespace

StartFrame startFor(const ModuleCopy& copy, const WorkerSettings& settings, int concurrency) {
  StartFrame start;
  start.path = copy.path();
  start.source = copy.source();
  start.files_max = settings.files_max;
  start.frame_max_bytes = settings.frame_max_bytes;
  if (settings.memory_max_bytes > 0) {
    start.memory_max_bytes = static_cast<std::uint64_t>(settings.memory_max_bytes +
                                                        concurrency * kWorkerBytesPerAttempt);
  }
  return start;
}

Result<ModuleDescription> describeInWorker(const ModuleCopy& copy, const WorkerSettings& settings,
                                           Clock& clock) {
  auto spawned = WorkerProcess::spawn(settings.worker_program, settings.frame_max_bytes);
  if (!spawned.ok()) return spawned.error();
  const std::unique_ptr<WorkerProcess> process = spawned.take();
  process->send({FrameType::kStart, 0, encode(startFor(copy, settings, 1))});
  const SteadyTime until = clock.steadyNow() + settings.start_timeout;
  for (LastLine last;;) {
    const Result<std::optional<Frame>> frame = process->nextFrame();
    if (!frame.ok()) return unavailable(copy.source() + ": its worker broke the protocol");
    if (frame.value()) return firstWord(*frame.value(), copy.note());
    const auto left = std::chrono::ceil<Milliseconds>(until - clock.steadyNow());
    if (left <= Milliseconds(0)) {
      return unavailable(copy.source() + ": not loaded in time" + last.words());
    }
    std::array<pollfd, 3> fds = {{{process->channelFd(), POLLIN, 0},
                                  {process->pidFd(), POLLIN, 0},
                                  {process->stderrFd(), POLLIN, 0}}};
    ::poll(fds.data(), fds.size(), static_cast<int>(left.count()));
    const bool dead = fds[1].revents != 0;
    if (fds[2].revents != 0) last.read(*process);
    if (process->readChannel() == WorkerProcess::Read::kSome) continue;
    if (dead) {
      return unavailable(copy.source() +
                         ": its worker ended while it was loaded: " + wordsOfDeath(*process, last));
    }
  }
}

Result<std::unique_ptr<WorkerRunner>> WorkerRunner::create(
    ModuleCopy copy, ModuleDescription description, int concurrency, std::string config_json,
    WorkerSettings settings, std::shared_ptr<HostModuleSink> sink, Metrics& metrics, Clock& clock) {
  auto pool = std::make_unique<WorkerPool>(std::move(copy), std::move(description), concurrency,
                                           std::move(config_json), std::move(settings),
                                           std::move(sink), metrics, clock);
  const Result<void> first = pool->awaitFirst();
  if (!first.ok()) return first.error();
  return std::unique_ptr<WorkerRunner>(new WorkerRunner(std::move(pool)));
}

WorkerRunner::WorkerRunner(std::unique_ptr<WorkerPool> pool) : pool_(std::move(pool)) {}
WorkerRunner::~WorkerRunner() = default;

const ModuleDescription& WorkerRunner::description() const { return pool_->description(); }
int WorkerRunner::concurrency() const { return pool_->concurrency(); }
void WorkerRunner::cancel(AttemptToken token) { pool_->cancel(token); }
void WorkerRunner::abandon(AttemptToken token) { pool_->abandon(token); }
int WorkerRunner::stuck() const { return pool_->stuck(); }
RunnerHealth WorkerRunner::health() const { return pool_->health(); }
void WorkerRunner::stop(Milliseconds grace) { pool_->stop(grace); }

void WorkerRunner::start(Attempt attempt, Ended ended) {
  pool_->start(std::move(attempt), std::move(ended));
}

}  // namespace modhost::host
