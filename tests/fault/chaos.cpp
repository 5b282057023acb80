#include "tests/fault/chaos.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <random>
#include <utility>

namespace modhost::host {
namespace {

// The pause before the next blow is between these two.
constexpr int kPauseMinMs = 300;
constexpr int kPauseMaxMs = 2'500;

// In which shares blows fall. The first round brings one of each, so that short runs see all.
constexpr Blow kRound[] = {Blow::kWeather,    Blow::kFlood,    Blow::kKillHost, Blow::kWeather,
                           Blow::kKillWorker, Blow::kStopHost, Blow::kReload,   Blow::kWeather};
constexpr Blow kShares[] = {Blow::kWeather,    Blow::kWeather,    Blow::kWeather,
                            Blow::kWeather,    Blow::kKillHost,   Blow::kKillHost,
                            Blow::kKillWorker, Blow::kKillWorker, Blow::kStopHost,
                            Blow::kKillWorker, Blow::kReload,     Blow::kFlood};

std::string endText(const ProcessEnd& end) {
  return end.signal != 0 ? "signal " + std::to_string(end.signal)
                         : "exit status " + std::to_string(end.exit_status);
}

}  // namespace

std::vector<Happening> schedule(std::uint64_t seed, Milliseconds length) {
  std::mt19937_64 random(seed);
  const auto below = [&random](int limit) {
    return static_cast<int>(random() % static_cast<std::uint64_t>(limit));
  };
  std::vector<Happening> all;
  Milliseconds left = length;
  for (std::size_t nth = 0;; ++nth) {
    const Milliseconds pause(kPauseMinMs + below(kPauseMaxMs - kPauseMinMs));
    if (pause >= left) break;
    left -= pause;
    const Blow drawn = kShares[below(static_cast<int>(std::size(kShares)))];
    const Blow blow = nth < std::size(kRound) ? kRound[nth] : drawn;
    const int detail = below(kDays);
    all.push_back({pause, blow, detail});
  }
  all.push_back({left, Blow::kWeather, 0});
  return all;
}

Chaos::Chaos(HostProcess& host, RecordingPlatform& platform, std::uint64_t seed, Hooks hooks)
    : host_(host),
      hooks_(std::move(hooks)),
      started_(std::chrono::steady_clock::now()),
      weather_(std::make_shared<Weather>(seed)) {
  platform.decideOtherwise(
      [weather = weather_](const RecordedCall& call) { return weather->of(call); });
}

void Chaos::run(const std::vector<Happening>& schedule) {
  for (const Happening& next : schedule) {
    const SteadyTime due = std::chrono::steady_clock::now() + next.pause;
    while (std::chrono::steady_clock::now() < due) {
      lookAfterHost();
      hooks_.tick();
      ::poll(nullptr, 0, 20);
    }
    strike(next);
  }
  lookAfterHost();
}

int Chaos::count(Blow blow) const {
  return static_cast<int>(std::count(struck_.begin(), struck_.end(), blow));
}

void Chaos::strike(const Happening& happening) {
  struck_.push_back(happening.blow);
  switch (happening.blow) {
    case Blow::kWeather:
      note(dayNumber(happening.detail).name);
      return weather_->change(dayNumber(happening.detail));
    case Blow::kKillHost:
      return killHost();
    case Blow::kStopHost:
      return stopHost();
    case Blow::kKillWorker:
      return killWorker(happening.detail);
    case Blow::kFlood:
      note("flood");
      return hooks_.flood();
    case Blow::kReload:
      note("reload");
      hooks_.deploy();
      ::kill(host_.pid(), SIGHUP);
      return;
  }
}

void Chaos::killHost() {
  note("kill host");
  host_aways_.push_back({std::chrono::steady_clock::now(), {}});
  const ProcessEnd end = host_.kill();
  if (end.signal != SIGKILL) complaints_.push_back("the host ended by itself: " + endText(end));
  startHost();
}

void Chaos::stopHost() {
  note("stop host");
  host_aways_.push_back({std::chrono::steady_clock::now(), {}});
  const ProcessEnd end = host_.terminate();
  if (end.exit_status != 0) complaints_.push_back("a stopped host ended with " + endText(end));
  startHost();
}

void Chaos::killWorker(int place) {
  const std::vector<pid_t> workers = host_.children();
  if (workers.empty()) return note("no worker to kill");
  const pid_t worker = workers[static_cast<std::size_t>(place) % workers.size()];
  note("kill worker " + std::to_string(worker));
  ::kill(worker, SIGKILL);
}

void Chaos::startHost() {
  host_.start();
  host_aways_.back().until = std::chrono::steady_clock::now();
  hooks_.moved(host_.port());
}

// A host that dies of something else than a blow is the worst that can be found here.
void Chaos::lookAfterHost() {
  if (!host_.endedByItself()) return;
  host_aways_.push_back({std::chrono::steady_clock::now(), {}});
  const std::string how = endText(host_.kill());
  note("HOST ENDED");
  complaints_.push_back("the host ended by itself: " + how);
  startHost();
}

void Chaos::note(const std::string& what) {
  const std::chrono::duration<double> since = std::chrono::steady_clock::now() - started_;
  char moment[32];
  std::snprintf(moment, sizeof moment, "%.1fs ", since.count());
  history_ += (history_.empty() ? "" : "; ") + (moment + what);
}

}  // namespace modhost::host
