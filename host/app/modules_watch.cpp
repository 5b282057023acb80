#include "host/app/modules_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include "host/base/log.h"

namespace modhost::host {
namespace {

constexpr int kQuietMs = 200;

Error unwatched(const std::string& folder) {
  return {ErrorKind::kUnavailable, folder + ": cannot be watched: " + std::strerror(errno)};
}

bool isGone(const inotify_event& event) {
  return (event.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0;
}

// After an overflow anything may have happened.
bool isModule(const inotify_event& event) {
  return (event.mask & IN_Q_OVERFLOW) != 0 ||
         (event.len > 0 && std::string_view(event.name).ends_with(".so"));
}

}  // namespace

Result<std::unique_ptr<ModulesWatch>> ModulesWatch::start(const std::string& folder,
                                                          std::function<void()> changed) {
  Fd events(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!events.valid()) return unwatched(folder);
  constexpr std::uint32_t kWanted =
      IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
  if (::inotify_add_watch(events.get(), folder.c_str(), kWanted) < 0) return unwatched(folder);
  Fd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop.valid()) return unwatched(folder);
  try {
    return std::unique_ptr<ModulesWatch>(
        new ModulesWatch(folder, std::move(changed), std::move(events), std::move(stop)));
  } catch (const std::system_error& error) {  // no thread to be had
    return Error{ErrorKind::kUnavailable, folder + ": cannot be watched: " + error.what()};
  }
}

ModulesWatch::ModulesWatch(std::string folder, std::function<void()> changed, Fd events, Fd stop)
    : folder_(std::move(folder)),
      changed_(std::move(changed)),
      events_(std::move(events)),
      stop_(std::move(stop)),
      thread_("watch", [this] { run(); }) {}

ModulesWatch::~ModulesWatch() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof one);
  thread_.join();
}

void ModulesWatch::run() {
  bool pending = false;
  while (alive_) {
    std::array<pollfd, 2> fds = {{{events_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    const int ready = ::poll(fds.data(), fds.size(), pending ? kQuietMs : -1);
    if (fds[1].revents != 0) return;
    if (ready == 0 && std::exchange(pending, false)) changed_();
    if (ready > 0 && readEvents()) pending = true;
  }
  logWarn("app", "modules_dir is gone: new files in it are noticed again after the next reload",
          {{"folder", folder_}});
}

// True: a module's file came.
bool ModulesWatch::readEvents() {
  alignas(inotify_event) std::array<char, 16 * 1024> bytes;
  bool came = false;
  for (;;) {
    const ssize_t n = ::read(events_.get(), bytes.data(), bytes.size());
    if (n <= 0) return came;
    for (std::size_t at = 0; at < static_cast<std::size_t>(n);) {
      const auto* event = reinterpret_cast<const inotify_event*>(bytes.data() + at);
      if (isGone(*event)) alive_ = false;
      came = came || isModule(*event);
      at += sizeof(inotify_event) + event->len;
    }
  }
}

}  // namespace modhost::host
