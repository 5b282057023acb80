// Chaos: what happens to host, workers and platform while the ledger test runs. The schedule is
// derived from the seed before anything starts; what a blow meets is the machine's own affair.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "tests/support/host_process.h"
#include "tests/support/recording_platform.h"
#include "tests/support/weather.h"

namespace modhost::host {

enum class Blow { kWeather = 1, kKillHost, kStopHost, kKillWorker, kFlood, kReload };

struct Happening {
  Milliseconds pause{};  // after the one before was over
  Blow blow = Blow::kWeather;
  int detail = 0;  // the day of the weather, the place of the worker
};

struct HostAway {
  SteadyTime from{}, until{};
};

// Blows whose pauses make up `length`, at least one of each if there is room; calm at the end.
std::vector<Happening> schedule(std::uint64_t seed, Milliseconds length);

class Chaos {
 public:
  struct Hooks {
    std::function<void(int port)> moved;  // the host has started again
    std::function<void()> flood;
    std::function<void()> deploy;  // new files of the modules, before a reload
    std::function<void()> tick;    // many times a second
  };

  // Takes over the platform's decisions.
  Chaos(HostProcess& host, RecordingPlatform& platform, std::uint64_t seed, Hooks hooks);

  // Strikes each blow after its pause; returns after the last, with the host running in calm weather.
  void run(const std::vector<Happening>& schedule);

  // The times from a host's kill or stop to the next one's readiness.
  const std::vector<HostAway>& hostAways() const { return host_aways_; }
  int count(Blow blow) const;
  // What was done, one happening after the other.
  const std::string& history() const { return history_; }
  // Host ends that nobody had asked for, or that were not clean.
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  void strike(const Happening& happening);
  void killHost();
  void stopHost();
  void killWorker(int place);
  void startHost();
  void lookAfterHost();
  void note(const std::string& what);

  HostProcess& host_;
  const Hooks hooks_;
  const SteadyTime started_;
  const std::shared_ptr<Weather> weather_;  // shared with the platform's connections
  std::vector<HostAway> host_aways_;
  std::vector<Blow> struck_;
  std::string history_;
  std::vector<std::string> complaints_;
};

}  // namespace modhost::host
