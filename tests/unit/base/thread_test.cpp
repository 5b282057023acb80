#include "host/base/thread.h"

#include <doctest/doctest.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <array>
#include <atomic>

namespace modhost::host {

// A sandbox may refuse it.
static bool mayYield() {
  bool may = false;
  Thread asking("t", [&] {
    const sched_param none{};
    may = sched_setscheduler(0, SCHED_BATCH, &none) == 0;
  });
  asking.join();
  return may;
}

TEST_SUITE_BEGIN("base");

TEST_CASE("thread: runs its body under its name with signals blocked and joins when it goes") {
  std::array<char, 16> name{};
  bool term_blocked = false;
  {
    const Thread thread("modhost-tester-long", [&] {
      pthread_getname_np(pthread_self(), name.data(), name.size());
      sigset_t mask;
      pthread_sigmask(SIG_SETMASK, nullptr, &mask);
      term_blocked = sigismember(&mask, SIGTERM) == 1;
    });
  }

  CHECK(std::string(name.data()) == "modhost-tester-");
  CHECK(term_blocked);
}

TEST_CASE("thread: leaves the signal mask of who started it as it was") {
  sigset_t before;
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  {
    const Thread thread("t", [] {});
  }
  pthread_sigmask(SIG_SETMASK, nullptr, &after);

  CHECK(sigismember(&before, SIGTERM) == sigismember(&after, SIGTERM));
}

TEST_CASE("thread: one that yields interrupts nobody when it is woken") {
  int as_it_comes = -1, yielding = -1;
  {
    const Thread thread("t", [&] { as_it_comes = sched_getscheduler(0); });
  }
  {
    const Thread thread(
        "t", [&] { yielding = sched_getscheduler(0); }, kThreadStackDefault, Waking::kYields);
  }

  CHECK(as_it_comes == sched_getscheduler(0));
  if (!mayYield()) return;
  CHECK(yielding == SCHED_BATCH);
}

TEST_CASE("thread: assigning over a running one joins it first") {
  std::atomic<int> ended{0};
  Thread thread("one", [&] { ++ended; });

  thread = Thread("two", [&] { ++ended; });
  thread.join();

  CHECK(ended == 2);
  CHECK_FALSE(thread.running());
}

TEST_SUITE_END();

}  // namespace modhost::host
