#include "host/modules/worker_main.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <map>

#include "host/modules/in_process_runner.h"
#include "host/modules/module_limits.h"
#include "host/modules/sanitized.h"
#include "host/modules/worker_protocol.h"
#include "host/modules/worker_signals.h"

// The main thread reads the channel; the module's threads write to it under a mutex, blocking when
// the host is behind (it always reads on). The worker trusts the host, but a frame it cannot read
// ends it.

namespace modhost::host {
namespace {

class Channel {
 public:
  explicit Channel(int fd) : fd_(fd) {}

  // Errors are left to the reader, who sees the end of the channel.
  void send(const Frame& frame) EXCLUDES(mutex_) {
    const std::string bytes = encodeFrame(frame);
    MutexLock lock(mutex_);
    std::string_view rest = bytes;
    while (!rest.empty()) {
      const ssize_t n = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  // The next frame; nullopt: the channel ended or is broken.
  std::optional<Frame> receive(FrameDecoder& decoder) {
    for (;;) {
      const Result<std::optional<Frame>> frame = decoder.next();
      if (!frame.ok()) return std::nullopt;
      if (frame.value()) return frame.value();
      std::array<char, 64 * 1024> bytes;
      const ssize_t n = ::read(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return std::nullopt;
      decoder.feed({bytes.data(), static_cast<std::size_t>(n)});
    }
  }

  // Makes receive() see the end.
  void stopReading() { ::shutdown(fd_, SHUT_RD); }

 private:
  const int fd_;
  Mutex mutex_;
};

class ChannelSink final : public ModuleSink {
 public:
  explicit ChannelSink(Channel& channel) : channel_(channel) {}
  void log(LogLevel level, AttemptToken attempt, const About&, std::string_view message,
           std::string_view fields) override {
    LogFrame line{static_cast<std::int32_t>(level), bounded(message), checkedLogFields(fields)};
    channel_.send({FrameType::kLog, attempt, encode(line)});
  }
  void metric(std::int32_t kind, std::string_view name, double value) override {
    if (name.size() > kModuleMetricNameMax) name = name.substr(0, kModuleMetricNameMax + 1);
    channel_.send({FrameType::kMetric, 0, encode(MetricFrame{kind, std::string(name), value})});
  }
  void close() override {}

 private:
  Channel& channel_;
};

// The calls of all attempts that wait for their REPLY.
class PendingCalls {
 public:
  using Done = std::function<void(ModuleReply)>;

  std::uint64_t add(Done done) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const std::uint64_t id = ++last_id_;
    waiting_.emplace(id, std::move(done));
    return id;
  }
  void answer(std::uint64_t id, ModuleReply reply) EXCLUDES(mutex_) {
    Done done;
    {
      MutexLock lock(mutex_);
      const auto found = waiting_.find(id);
      if (found == waiting_.end()) return;
      done = std::move(found->second);
      waiting_.erase(found);
    }
    done(std::move(reply));
  }

 private:
  Mutex mutex_;
  std::uint64_t last_id_ GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, Done> waiting_ GUARDED_BY(mutex_);
};

// One attempt's way out: through the channel. The host decides whether a call may still be made.
class ChannelCalls final : public PlatformCalls {
 public:
  ChannelCalls(Channel& channel, PendingCalls& pending, Clock& clock, AttemptToken token,
               SteadyTime deadline, std::size_t frame_max_bytes)
      : channel_(channel),
        pending_(pending),
        clock_(clock),
        token_(token),
        deadline_(deadline),
        frame_max_bytes_(frame_max_bytes) {}

  void call(ModuleCall call, std::function<void(ModuleReply)> done) override {
    std::string payload = encode(CallFrame{token_, std::move(call)});
    if (payload.size() + kFrameHeadBytes > frame_max_bytes_) {
      ModuleReply reply;
      reply.error = ModuleReply::Error::kRefused;
      reply.error_text = "the call is larger than worker.frame_max allows";
      return done(std::move(reply));
    }
    const std::uint64_t id = pending_.add(std::move(done));
    channel_.send({FrameType::kCall, id, std::move(payload)});
  }
  bool cancelled() const override { return clock_.steadyNow() >= deadline_; }

 private:
  Channel& channel_;
  PendingCalls& pending_;
  Clock& clock_;
  const AttemptToken token_;
  const SteadyTime deadline_;
  const std::size_t frame_max_bytes_;
};

void limitTo(__rlimit_resource resource, std::uint64_t value) {
  const rlimit limit{value, value};
  ::setrlimit(resource, &limit);
}

// No core file, since it would hold chats; no new privileges; not readable by other processes of
// this user.
void giveUpPowers(const StartFrame& start) {
  limitTo(RLIMIT_CORE, 0);
  if (start.files_max > 0) limitTo(RLIMIT_NOFILE, static_cast<std::uint64_t>(start.files_max));
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (!kSanitized) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // LeakSanitizer traces its own process
}

// Before any code of the module runs: its static constructors may want too much as well as handle().
// Arenas of malloc would each reserve 64 MiB of the address space that is limited here.
void limitMemory(std::uint64_t bytes) {
  ::mallopt(M_ARENA_MAX, 2);
  if (bytes > 0 && !kSanitized) limitTo(RLIMIT_AS, bytes);
}

class Worker {
 public:
  Worker(int channel_fd, int fault_fd)
      : channel_(channel_fd), channel_fd_(channel_fd), fault_fd_(fault_fd) {}

  int run() {
    if (!open()) return 1;
    while (const std::optional<Frame> frame = channel_.receive(decoder_)) {
      if (!onFrame(*frame)) ::_exit(1);
    }
    // The host is gone: nobody else would end what the module forked.
    if (!drained_) endOwnGroup();
    // The drain is over. What has not let go by now is not waited for.
    if (runner_->stuck() > 0) ::_exit(0);
    return 0;
  }

 private:
  bool open() {
    for (const int fd : {channel_fd_, fault_fd_}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    const std::optional<Frame> frame = channel_.receive(decoder_);
    const auto start =
        frame && frame->type == FrameType::kStart ? decodeStart(frame->payload) : std::nullopt;
    if (!start || start->version != kWorkerProtocolVersion) return false;
    frame_max_bytes_ = static_cast<std::size_t>(start->frame_max_bytes);
    giveUpPowers(*start);
    limitMemory(start->memory_max_bytes);
    tellOfFatalSignals(fault_fd_);
    endWithHost();
    prepareThreadForFatalSignals();
    return load(*start) && configure();
  }

  bool load(const StartFrame& start) {
    const Result<ModuleNote> note = readNote(start.path);
    if (!note.ok()) return refuse(note.error().message);
    auto library = SharedLibrary::load(start.path, start.source, note.value());
    if (!library.ok()) return refuse(library.error().message);
    library_ = library.take();
    HelloFrame hello;
    hello.description = library_->description();
    channel_.send({FrameType::kHello, 0, encode(hello)});
    return true;
  }

  bool configure() {
    const std::optional<Frame> frame = channel_.receive(decoder_);
    const auto config =
        frame && frame->type == FrameType::kConfig ? decodeConfig(frame->payload) : std::nullopt;
    if (!config) return false;
    InProcessSettings settings;
    settings.concurrency = config->concurrency;
    settings.config_json = config->config_json;
    settings.thread_begin = prepareThreadForFatalSignals;
    auto runner = InProcessRunner::create(std::move(library_), std::move(settings),
                                          std::make_shared<ChannelSink>(channel_), clock_);
    if (!runner.ok()) return refuse(runner.error().message);
    runner_ = runner.take();
    channel_.send({FrameType::kReady, 0, ""});
    return true;
  }

  bool refuse(const std::string& why) {
    channel_.send({FrameType::kRefused, 0, bounded(why)});
    return false;
  }

  bool onFrame(const Frame& frame) {
    switch (frame.type) {
      case FrameType::kEvent:
        return onEvent(frame);
      case FrameType::kCancel:
        runner_->cancel(frame.id);
        return true;
      case FrameType::kReply:
        return onReply(frame);
      case FrameType::kDrain:
        return onDrain(frame);
      default:
        return false;
    }
  }

  bool onEvent(const Frame& frame) {
    std::optional<EventFrame> event = decodeEvent(frame.payload);
    if (!event) return false;
    if (draining_.running()) return true;  // the host ends what it gave too late
    Attempt attempt;
    attempt.token = frame.id;
    attempt.number = event->number;
    attempt.deadline = SteadyTime(std::chrono::nanoseconds(event->deadline_ns));
    attempt.event = std::make_shared<const Event>(std::move(event->event));
    attempt.calls = std::make_shared<ChannelCalls>(channel_, calls_, clock_, frame.id,
                                                   attempt.deadline, frame_max_bytes_);
    runner_->start(std::move(attempt), [this, token = frame.id](const AttemptEnd& end) {
      if (end.kind == AttemptEnd::Kind::kInterrupted) return;  // the host ends those itself
      channel_.send({FrameType::kResult, token, encode(end)});
    });
    return true;
  }

  bool onReply(const Frame& frame) {
    std::optional<ModuleReply> reply = decodeReply(frame.payload);
    if (!reply) return false;
    calls_.answer(frame.id, std::move(*reply));
    return true;
  }

  // On a thread of its own, since what still runs may wait for a REPLY.
  bool onDrain(const Frame& frame) {
    const std::optional<Milliseconds> grace = decodeGrace(frame.payload);
    if (!grace || draining_.running()) return false;
    draining_ = Thread("drain", [this, grace] {
      prepareThreadForFatalSignals();
      runner_->stop(*grace);
      channel_.send({FrameType::kBye, 0, ""});
      drained_ = true;
      channel_.stopReading();
    });
    return true;
  }

  SystemClock clock_;
  Channel channel_;
  const int channel_fd_, fault_fd_;
  FrameDecoder decoder_{kFrameBytesMax};
  std::size_t frame_max_bytes_ = kFrameBytesDefault;
  PendingCalls calls_;
  std::unique_ptr<SharedLibrary> library_;
  std::unique_ptr<InProcessRunner> runner_;
  std::atomic<bool> drained_{false};
  Thread draining_;
};

}  // namespace

int workerMain(int channel_fd, int fault_fd) { return Worker(channel_fd, fault_fd).run(); }

}  // namespace modhost::host
