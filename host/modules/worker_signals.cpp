#include "host/modules/worker_signals.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "host/modules/in_process_runner.h"
#include "host/modules/worker_protocol.h"

namespace modhost::host {
namespace {

constexpr std::array<int, 7> kFatal = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
constexpr std::size_t kSignalStackBytes = 32 * 1024;

int fault_fd_of_process = -1;
pid_t worker_pid = -1;

// Async-signal-safe: a thread-local of the main program is read, and write() called. SA_RESETHAND
// has put the default action back; the signal is raised again and delivered when the handler
// returns. A child that a module forked inherits this handler but speaks for nobody.
void onFatal(int number, siginfo_t*, void*) {
  const FaultNote note{currentAttempt(), number};
  if (::getpid() == worker_pid) {
    [[maybe_unused]] const ssize_t written = ::write(fault_fd_of_process, &note, sizeof(note));
  }
  ::raise(number);
}

void onOrphaned(int) {
  if (::getpid() == worker_pid) endOwnGroup();
}

class SignalStack {
 public:
  SignalStack() : bytes_(new char[kSignalStackBytes]) {
    stack_t stack{};
    stack.ss_sp = bytes_.get();
    stack.ss_size = kSignalStackBytes;
    ::sigaltstack(&stack, nullptr);
  }
  ~SignalStack() {
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  const std::unique_ptr<char[]> bytes_;
};

}  // namespace

void tellOfFatalSignals(int fault_fd) {
  fault_fd_of_process = fault_fd;
  worker_pid = ::getpid();
  struct sigaction action {};
  action.sa_sigaction = onFatal;
  action.sa_flags = static_cast<int>(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND);
  sigfillset(&action.sa_mask);
  for (const int number : kFatal) ::sigaction(number, &action, nullptr);
}

void endWithHost() {
  struct sigaction action {};
  action.sa_handler = onOrphaned;
  ::sigaction(SIGHUP, &action, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGHUP, 0, 0, 0);
}

void endOwnGroup() {
  if (::getpgrp() == ::getpid()) ::kill(0, SIGKILL);
  ::_exit(0);
}

void prepareThreadForFatalSignals() {
  thread_local const SignalStack stack;
  sigset_t fatal;
  sigemptyset(&fatal);
  for (const int number : kFatal) sigaddset(&fatal, number);
  ::pthread_sigmask(SIG_UNBLOCK, &fatal, nullptr);
}

}  // namespace modhost::host
