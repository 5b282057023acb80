#include "host/modules/worker_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "host/modules/sanitized.h"

namespace modhost::host {
namespace {

// Descriptors that dup2 puts onto 0 … 4 in the child must not be among these numbers themselves.
constexpr int kAboveWires = 10;

Error unavailable(const std::string& what, int error) {
  return {ErrorKind::kUnavailable, what + ": " + std::strerror(error)};
}

// By number: glibc 2.36 declares its wrappers without extern "C", so that C++ does not find them.
int pidfdOpen(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }
void pidfdSignal(int pidfd, int number) {
  ::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0);
}

Fd movedUp(Fd fd) { return Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kAboveWires)); }

struct Pair {
  Fd ours, theirs;
  bool valid() const { return ours.valid() && theirs.valid(); }
};

// Nothing of ours may block: the thread that serves one worker serves them all.
Pair channelPair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return {};
  Pair pair{Fd(fds[0]), movedUp(Fd(fds[1]))};
  ::fcntl(pair.ours.get(), F_SETFL, O_NONBLOCK);
  return pair;
}

Pair pipeFromChild() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return {};
  Pair pair{Fd(fds[0]), movedUp(Fd(fds[1]))};
  ::fcntl(pair.ours.get(), F_SETFL, O_NONBLOCK);
  return pair;
}

std::vector<std::string> cleanEnvironment() {
  std::vector<const char*> names = {"PATH", "TZ", "LANG"};
  if (kSanitized) names.insert(names.end(), {"ASAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"});
  std::vector<std::string> out;
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value != nullptr) out.push_back(std::string(name) + "=" + value);
  }
  return out;
}

// posix_spawn's two parameter objects, freed together.
struct SpawnPlan {
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  void wire(int channel, int fault, int error) {
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, error, 2);
    ::posix_spawn_file_actions_adddup2(&actions, channel, kWorkerChannelFd);
    ::posix_spawn_file_actions_adddup2(&actions, fault, kWorkerFaultFd);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, kWorkerFaultFd + 1);
  }

  // A group of its own, so that a terminal's Ctrl-C ends the host alone, and every signal as at the
  // start of a program: the host blocks and ignores some.
  void behave() {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }

  int run(const std::string& program, pid_t& pid) {
    std::vector<std::string> arguments = {"modhost", "worker"}, environment = cleanEnvironment();
    std::vector<char*> argv, envp;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    for (std::string& variable : environment) envp.push_back(variable.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    return ::posix_spawn(&pid, program.c_str(), &actions, &attributes, argv.data(), envp.data());
  }

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

std::string wordsFor(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return "exited with status " + std::to_string(info.si_status);
  const char* name = ::sigabbrev_np(info.si_status);
  return "killed by signal " + std::to_string(info.si_status) +
         (name != nullptr ? std::string(" (SIG") + name + ")" : "");
}

}  // namespace

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::spawn(const std::string& program,
                                                            std::size_t frame_max_bytes) {
  Pair channel = channelPair(), fault = pipeFromChild(), error = pipeFromChild();
  if (!channel.valid() || !fault.valid() || !error.valid()) {
    return unavailable("no file descriptors for a worker", errno);
  }
  std::unique_ptr<WorkerProcess> worker(new WorkerProcess(frame_max_bytes));
  SpawnPlan plan;
  plan.wire(channel.theirs.get(), fault.theirs.get(), error.theirs.get());
  plan.behave();
  const int failure = plan.run(program, worker->pid_);
  if (failure != 0) {
    worker->pid_ = -1;
    return unavailable("cannot run " + program, failure);
  }
  worker->channel_ = std::move(channel.ours);
  worker->fault_ = std::move(fault.ours);
  worker->stderr_ = std::move(error.ours);
  // Its pid cannot be another's yet: nobody but us reaps it.
  worker->pidfd_ = Fd(pidfdOpen(worker->pid_));
  if (!worker->pidfd_.valid()) return unavailable("pidfd_open", errno);
  return worker;
}

WorkerProcess::~WorkerProcess() {
  if (pid_ < 0 || reaped_) return;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
  siginfo_t ignored;
  while (::waitid(P_PID, static_cast<id_t>(pid_), &ignored, WEXITED) != 0 && errno == EINTR) {
  }
}

void WorkerProcess::send(const Frame& frame) {
  if (!channel_.valid()) return;
  unsent_ += encodeFrame(frame);
  flush();
}

void WorkerProcess::flush() {
  while (channel_.valid() && sent_ < unsent_.size()) {
    const ssize_t n = ::send(channel_.get(), unsent_.data() + sent_, unsent_.size() - sent_,
                             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    sent_ += static_cast<std::size_t>(n);
  }
  if (sent_ < unsent_.size() / 2) return;
  unsent_.erase(0, sent_);
  sent_ = 0;
}

WorkerProcess::Read WorkerProcess::readChannel() {
  if (!channel_.valid()) return Read::kEnd;
  std::array<char, 64 * 1024> bytes;
  const ssize_t n = ::read(channel_.get(), bytes.data(), bytes.size());
  if (n > 0) {
    bytes_read_ += n;
    decoder_.feed({bytes.data(), static_cast<std::size_t>(n)});
    return Read::kSome;
  }
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return Read::kNothing;
  channel_.reset();
  return Read::kEnd;
}

std::vector<std::string> WorkerProcess::readLines() {
  std::vector<std::string> lines;
  std::array<char, 16 * 1024> bytes;
  const ssize_t n = stderr_.valid() ? ::read(stderr_.get(), bytes.data(), bytes.size()) : 0;
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return lines;
  if (n <= 0) stderr_.reset();
  if (n > 0) bytes_read_ += n;
  for (ssize_t i = 0; i < n; ++i) {
    const char c = bytes[static_cast<std::size_t>(i)];
    if (c != '\n') line_ += c;
    if (c == '\n' || line_.size() >= kStderrLineBytesMax) lines.push_back(std::exchange(line_, ""));
  }
  if (n <= 0 && !line_.empty()) lines.push_back(std::exchange(line_, ""));
  return lines;
}

std::optional<FaultNote> WorkerProcess::readFault() {
  FaultNote note;
  const ssize_t n = ::read(fault_.get(), &note, sizeof(note));
  if (n != static_cast<ssize_t>(sizeof(note))) return std::nullopt;
  return note;
}

void WorkerProcess::signal(int number) {
  if (reaped_) return;
  if (number == SIGKILL)
    ::kill(-pid_, SIGKILL);  // not reaped yet, so the group's number is still ours
  pidfdSignal(pidfd_.get(), number);
}

WorkerProcess::Memory WorkerProcess::memory() const {
  if (pid_ < 0 || reaped_) return {};
  std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
  std::int64_t pages = 0, resident = 0;
  if (!(statm >> pages >> resident)) return {};
  const std::int64_t page = ::sysconf(_SC_PAGESIZE);
  return {pages * page, resident * page};
}

WorkerProcess::End WorkerProcess::reap() {
  ::kill(-pid_, SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
  }
  reaped_ = true;
  return {wordsFor(info), info.si_code == CLD_EXITED ? 0 : info.si_status};
}

}  // namespace modhost::host
