#include "host/app/signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace modhost::host {
namespace {

int orThrow(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return fd;
}

}  // namespace

Signals::Signals() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a file over its limit is an error of the write, which is handled
  sigset_t taken;
  sigemptyset(&taken);
  sigaddset(&taken, SIGTERM);
  sigaddset(&taken, SIGINT);
  sigaddset(&taken, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &taken, nullptr);
  signals_ = Fd(orThrow(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd"));
  wake_ = Fd(orThrow(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
}

void Signals::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

std::optional<int> Signals::waitFor(std::chrono::milliseconds patience) {
  std::array<pollfd, 2> watched = {{{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
  if (::poll(watched.data(), watched.size(), static_cast<int>(patience.count())) <= 0) {
    return std::nullopt;
  }
  signalfd_siginfo info{};
  if (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    return static_cast<int>(info.ssi_signo);
  }
  std::uint64_t count = 0;
  return ::read(wake_.get(), &count, sizeof count) == sizeof count ? std::optional(0)
                                                                   : std::nullopt;
}

}  // namespace modhost::host
